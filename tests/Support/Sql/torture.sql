-- Everything that makes a logical copy of a database go wrong, in one script without client commands.
-- Run it as a superuser in an empty database, in one go. Before it: SET backup.big_rows = N (default 125000, about 40 MB).
-- It is deterministic: no clock, no random numbers, so two loads give the same rows.

SET client_min_messages = warning;
SET search_path = public;
SET TimeZone = 'UTC';
SET standard_conforming_strings = on;

-- Roles belong to the whole server; several databases of one server may load this at the same time.
DO $do$
DECLARE r text;
BEGIN
    FOREACH r IN ARRAY ARRAY['torture_owner', 'torture_reader', 'Torture Rôle "x"'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', r);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL; -- the neighbour was quicker
            END;
        END IF;
    END LOOP;
END $do$;

-- ───────────────────────────── types ─────────────────────────────

CREATE TYPE mood AS ENUM ('sad', 'ok', 'happy', 'with ''quote''', 'ünï');
CREATE TYPE pair AS (x integer, "y ""q""" text);
CREATE TYPE float_span AS RANGE (subtype = double precision, subtype_diff = float8mi);
CREATE DOMAIN positive AS integer CONSTRAINT positive_check CHECK (VALUE > 0);
CREATE DOMAIN short_text AS text DEFAULT 'none' NOT NULL CHECK (length(VALUE) <= 20);
CREATE DOMAIN positives AS positive[];
COMMENT ON TYPE mood IS 'comment with '' quote, \ backslash and
a second line';
COMMENT ON DOMAIN positive IS 'above zero';

CREATE COLLATION reversed_c FROM "C";
DO $do$
BEGIN
    IF EXISTS (SELECT FROM pg_collation WHERE collname = 'und-x-icu') THEN
        EXECUTE $q$CREATE COLLATION insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false)$q$;
        EXECUTE $q$CREATE TABLE by_text_range (word text COLLATE "und-x-icu" NOT NULL, n int) PARTITION BY RANGE (word)$q$;
        EXECUTE $q$CREATE TABLE folded (word text COLLATE insensitive PRIMARY KEY, n int)$q$;
    ELSE
        EXECUTE $q$CREATE TABLE by_text_range (word text COLLATE "C" NOT NULL, n int) PARTITION BY RANGE (word)$q$;
        EXECUTE $q$CREATE TABLE folded (word text COLLATE reversed_c PRIMARY KEY, n int)$q$;
    END IF;
END $do$;
CREATE TABLE by_text_range_low PARTITION OF by_text_range FOR VALUES FROM (MINVALUE) TO ('m');
CREATE TABLE by_text_range_high PARTITION OF by_text_range FOR VALUES FROM ('m') TO (MAXVALUE);
INSERT INTO by_text_range SELECT chr(97 + i % 26) || substr(md5(i::text), 1, 5), i FROM generate_series(1, 500) i;
INSERT INTO by_text_range VALUES ('Äpfel', -1), ('äther', -2), ('Zebra', -3), ('Mitte', -4), ('éclair', -5), ('_x', -6), ('ﬁn', -7);
INSERT INTO folded VALUES ('Straße', 1), ('STRANDE', 2), ('äa', 3), ('zZ', 4);

-- ───────────────────────────── functions, operators, aggregates ─────────────────────────────

CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    -- A restore that fires triggers would change every row.
    NEW.touched := coalesce(NEW.touched, 0) + 1;
    RETURN NEW;
END $f$;
CREATE FUNCTION "weird fn $1"(IN a integer, OUT b integer, OUT c text) LANGUAGE sql IMMUTABLE AS $f$ SELECT a + 1, 'c;--' || a $f$;
CREATE FUNCTION doubled(integer) RETURNS integer LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT $1 * 2';
CREATE FUNCTION rows_of(lim integer DEFAULT 3) RETURNS TABLE (n integer, t text) LANGUAGE sql STABLE
    AS $f$ SELECT i, md5(i::text) FROM generate_series(1, lim) i $f$;
CREATE PROCEDURE nothing_to_do(note text) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog AS $f$ BEGIN PERFORM note; END $f$;
CREATE AGGREGATE product(double precision) (SFUNC = float8mul, STYPE = double precision, INITCOND = '1');
CREATE OPERATOR === (LEFTARG = integer, RIGHTARG = integer, FUNCTION = int4eq, COMMUTATOR = ===);
CREATE CAST (pair AS text) WITH INOUT;
COMMENT ON FUNCTION doubled(integer) IS 'twice; "as much"';
CREATE TEXT SEARCH CONFIGURATION plain_words (COPY = simple);

-- ───────────────────────────── values that text output damages easily ─────────────────────────────

CREATE TABLE odd_values (
    id          integer PRIMARY KEY,
    f8          double precision,
    f4          real,
    num         numeric,
    money_value money,
    ts          timestamp,
    tstz        timestamptz,
    d           date,
    t           time,
    ttz         timetz,
    span        interval,
    b           bytea,
    bits        bit varying(64),
    fixed_bits  bit(5),
    txt         text,
    chars       character(6),
    one_char    "char",
    u           uuid,
    x           xml,
    j           json,
    jb          jsonb,
    ip          inet,
    net         cidr,
    mac         macaddr,
    mac8        macaddr8,
    tsv         tsvector,
    tsq         tsquery,
    ints        integer[],
    texts       text[],
    moods       mood[],
    pairs       pair[],
    p           pair,
    r_int       int4range,
    r_num       numrange,
    r_ts        tstzrange,
    r_float     float_span,
    pt          point,
    pg          polygon,
    cl          regclass,
    ty          regtype,
    lsn         pg_lsn,
    path        jsonpath,
    mood_value  mood,
    pos         positive,
    poss        positives,
    moneys      money[]
);
INSERT INTO odd_values (id, f8, f4, num) VALUES
    (1, '-0', '-0', 'NaN'), (2, 'NaN', 'NaN', 0.000000000000000000001), (3, 'Infinity', '-Infinity', -12345678901234567890.123456789),
    (4, 0.1, 0.1, 1e100), (5, 1.7976931348623157e308, 3.4028235e38, 1.10), (6, 5e-324, 1e-45, 1.100), (7, 0.30000000000000004, 16777217, NULL);
INSERT INTO odd_values (id, money_value, moneys) VALUES (10, 12.34, ARRAY[0.01, -1234567.89]::money[]), (11, -99999999.99, '{}');
INSERT INTO odd_values (id, ts, tstz, d, t, ttz, span) VALUES
    (20, 'infinity', '-infinity', 'infinity', '24:00:00', '23:59:59.999999+14', '1 year -3 days 04:05:06.789'),
    (21, '0044-03-15 12:00:00 BC', '4713-01-01 00:00:00+00 BC', '0001-01-01 BC', '00:00', '00:00-12', '-178000000 years'),
    (22, '294276-12-31 23:59:59.999999', '2024-03-31 02:30:00+01', '2024-02-29', '12:34:56.000001', '01:02:03+05:30', '1 mon -1 day 0.000001 s'),
    (23, '2024-01-02 03:04:05', '2024-10-27 02:30:00+02', '5874897-12-31', NULL, NULL, '-1 day +23:59');
INSERT INTO odd_values (id, b, bits, fixed_bits, txt, chars, one_char) VALUES
    (30, '\x00ff5c0a0d09', B'', B'10101', E'tab\there\nnewline\rreturn\\backslash\bback\x7F', 'ab', 'x'),
    (31, '', B'1111000011110000', B'00000', '\.', '', E'\\201'),
    (32, decode(repeat('00010203fe', 2000), 'hex'), NULL, NULL, '\N', '  x', ''),
    (33, NULL, NULL, NULL, '', NULL, NULL),
    (34, NULL, NULL, NULL, E'\\t literally, "quotes", ''single'', $1, %s, {0}, <&>, \u2028 ' || chr(8232) || chr(65279) || chr(128169) || chr(1), NULL, NULL),
    (35, NULL, NULL, NULL, repeat('ä€𝄞', 3000), 'ünïcöd', NULL),
    (36, NULL, NULL, NULL, E'\r\n', NULL, NULL),
    (37, NULL, NULL, NULL, ' leading and trailing ', NULL, NULL);
INSERT INTO odd_values (id, u, x, j, jb, ip, net, mac, mac8) VALUES
    (40, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', XMLPARSE(DOCUMENT '<?xml version="1.0"?><a b="c">t&amp;x</a>'),
        '{"a": 1,  "a": 2, "b" : [1.10, "\u00e4\n"]}', '{"a": 1.10, "b": [null, true, "ä\\n"], "": {}}', '::ffff:10.0.0.1/64', '10.0.0.0/8',
        '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05'),
    (41, NULL, XMLPARSE(CONTENT 'only text <b/> and more'), 'null', 'null', '192.168.1.1', '2001:db8::/32', NULL, NULL);
INSERT INTO odd_values (id, tsv, tsq, ints, texts, moods, pairs, p) VALUES
    (50, '''a b'':1A ''it''''s'':2B back\\slash', '''a b'':* & !(x <2> y)', '[-2:0][3:4]={{1,2},{3,4},{NULL,6}}', ARRAY['NULL', NULL, '', 'a,b', '{', '"', '\', ' '],
        ARRAY['sad', 'with ''quote''', NULL]::mood[], ARRAY[ROW(1, 'a,"b"'), ROW(NULL, '')]::pair[], ROW(-1, E'(x)\n"y"')),
    (51, '', '', '{}', '{{a,b},{c,d}}', '{}', NULL, ROW(NULL, NULL));
INSERT INTO odd_values (id, r_int, r_num, r_ts, r_float, pt, pg, cl, ty, lsn, path, mood_value, pos, poss) VALUES
    (60, '[1,5]', '(,1.10)', '[2024-01-01,infinity)', '[-0.5,0.1]', '(0.1,-0)', '((0,0),(1,1),(1,0))', 'odd_values', 'pair', '16/B374D848', '$.a[*] ? (@ > 1)', 'ünï', 7, '{1,2}'),
    (61, 'empty', '[1,1]', '(,)', '(,)', '(NaN,Infinity)', '((1,2))', 'pg_class', 'integer[]', '0/0', 'strict $', 'sad', 1, '{}');

-- Multiranges came with 14.
DO $do$
BEGIN
    IF current_setting('server_version_num')::int >= 140000 THEN
        EXECUTE 'CREATE TABLE odd_multiranges (id int PRIMARY KEY, m int4multirange, mt tstzmultirange)';
        EXECUTE $q$INSERT INTO odd_multiranges VALUES (1, '{[1,3),[5,9)}', '{}'), (2, '{}', '{[2024-01-01,2024-02-01),(2025-01-01,)}'), (3, NULL, NULL)$q$;
    END IF;
END $do$;

-- One value of 2 MB that does not compress away, one that does, one stored outside the row uncompressed.
CREATE TABLE wide (id integer PRIMARY KEY, noisy text, flat text, outside bytea);
ALTER TABLE wide ALTER COLUMN outside SET STORAGE EXTERNAL;
INSERT INTO wide SELECT 1, string_agg(md5(i::text), '' ORDER BY i), repeat('flat ', 500000), NULL FROM generate_series(1, 65536) i;
INSERT INTO wide SELECT 2, NULL, NULL, decode(string_agg(md5('o' || i), '' ORDER BY i), 'hex') FROM generate_series(1, 8000) i;
INSERT INTO wide SELECT i, md5(i::text), E'line\n' || i, decode(md5(i::text), 'hex') FROM generate_series(3, 40) i;

-- ───────────────────────────── columns: generated, identity, dropped, reordered, none ─────────────────────────────

CREATE TABLE computed (
    a integer NOT NULL,
    b integer GENERATED ALWAYS AS (doubled(a)) STORED,
    c text GENERATED ALWAYS AS ('n' || (a % 7)) STORED,
    z text DEFAULT 'zz'
);
INSERT INTO computed (a) SELECT i FROM generate_series(1, 1000) i;
CREATE TABLE only_computed (one integer GENERATED ALWAYS AS (1) STORED);
INSERT INTO only_computed DEFAULT VALUES;
INSERT INTO only_computed DEFAULT VALUES;

CREATE TABLE identified (id bigint GENERATED ALWAYS AS IDENTITY (START WITH 1000 INCREMENT BY 7) PRIMARY KEY, note text);
INSERT INTO identified (note) SELECT 'n' || i FROM generate_series(1, 300) i;
INSERT INTO identified (id, note) OVERRIDING SYSTEM VALUE VALUES (5, 'before the start');
CREATE TABLE identified_by_default (id integer GENERATED BY DEFAULT AS IDENTITY, note text, touched integer);
INSERT INTO identified_by_default (note) SELECT md5(i::text) FROM generate_series(1, 50) i;
CREATE TRIGGER stamp_it BEFORE INSERT OR UPDATE ON identified_by_default FOR EACH ROW EXECUTE FUNCTION stamp();
CREATE TABLE serial_one (id serial PRIMARY KEY, tiny smallserial, note text);
INSERT INTO serial_one (note) VALUES ('a'), ('b'), ('c');

CREATE TABLE with_dropped (gone1 text, a integer, gone2 text, "b c" text, gone3 integer);
INSERT INTO with_dropped SELECT repeat('x', 50), i, 'y', md5(i::text), i FROM generate_series(1, 400) i;
ALTER TABLE with_dropped DROP COLUMN gone1, DROP COLUMN gone2, DROP COLUMN gone3;
ALTER TABLE with_dropped ADD COLUMN late integer NOT NULL DEFAULT 42;
INSERT INTO with_dropped VALUES (-1, E'after\tthe drop', 43);
CREATE TABLE all_dropped (gone text);
INSERT INTO all_dropped VALUES ('x'), ('y'), ('z');
ALTER TABLE all_dropped DROP COLUMN gone;

CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
INSERT INTO no_columns DEFAULT VALUES;
INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE no_columns_no_rows ();
CREATE TABLE empty_table (id integer PRIMARY KEY, t text);
CREATE TABLE no_key (a integer, b text);
INSERT INTO no_key SELECT i % 10, 'same' FROM generate_series(1, 500) i;
INSERT INTO no_key SELECT NULL, NULL FROM generate_series(1, 20);
-- Dead rows and empty pages in front: a range of pages may hold nothing.
CREATE TABLE holes (id integer, filler text);
INSERT INTO holes SELECT i, repeat(md5(i::text), 10) FROM generate_series(1, 3000) i;
DELETE FROM holes WHERE id BETWEEN 100 AND 2500;
UPDATE holes SET filler = filler || '!' WHERE id % 5 = 0;

CREATE TABLE parent (id integer, name text, CONSTRAINT not_666 CHECK (id <> 666));
CREATE TABLE child_extra (extra text DEFAULT 'e', more integer) INHERITS (parent);
CREATE TABLE child_reordered (name text, added date, id integer, CONSTRAINT not_666 CHECK (id <> 666));
ALTER TABLE child_reordered INHERIT parent;
CREATE TABLE grandchild () INHERITS (child_extra);
INSERT INTO parent SELECT i, 'parent ' || i FROM generate_series(1, 100) i;
INSERT INTO child_extra SELECT i, 'extra ' || i, md5(i::text), i FROM generate_series(101, 250) i;
INSERT INTO child_reordered SELECT 'reordered ' || i, date '2024-01-01' + i, i FROM generate_series(251, 300) i;
INSERT INTO grandchild SELECT i, 'grand ' || i FROM generate_series(301, 310) i;

-- ───────────────────────────── partitions ─────────────────────────────

CREATE TABLE by_range (at timestamp NOT NULL, id integer NOT NULL, payload text, PRIMARY KEY (at, id)) PARTITION BY RANGE (at);
CREATE TABLE by_range_2023 PARTITION OF by_range FOR VALUES FROM ('2023-01-01') TO ('2024-01-01');
-- Attached with another order of columns and a dropped one between.
CREATE TABLE by_range_2024 (payload text, gone text, id integer NOT NULL, at timestamp NOT NULL);
ALTER TABLE by_range_2024 DROP COLUMN gone;
ALTER TABLE by_range ATTACH PARTITION by_range_2024 FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE by_range_2025 PARTITION OF by_range FOR VALUES FROM ('2025-01-01') TO ('2026-01-01') PARTITION BY LIST (id);
CREATE TABLE by_range_2025_even PARTITION OF by_range_2025 FOR VALUES IN (0, 2, 4, 6, 8);
CREATE TABLE by_range_2025_rest PARTITION OF by_range_2025 DEFAULT;
CREATE TABLE by_range_rest PARTITION OF by_range DEFAULT;
INSERT INTO by_range SELECT timestamp '2022-06-01' + i * interval '7 hours', i % 10, md5(i::text) FROM generate_series(1, 5500) i;
CREATE INDEX by_range_payload ON by_range (payload);

CREATE TABLE by_list (country text, amount numeric(10,2)) PARTITION BY LIST (country);
CREATE TABLE by_list_eu PARTITION OF by_list FOR VALUES IN ('de', 'fr', 'it');
CREATE TABLE by_list_null PARTITION OF by_list FOR VALUES IN (NULL, 'xx');
CREATE TABLE by_list_rest PARTITION OF by_list DEFAULT;
INSERT INTO by_list SELECT (ARRAY['de', 'fr', 'it', NULL, 'xx', 'us', 'gb'])[1 + i % 7], i * 1.01 FROM generate_series(1, 700) i;

CREATE TABLE by_hash (id integer PRIMARY KEY, t text) PARTITION BY HASH (id);
CREATE TABLE by_hash_0 PARTITION OF by_hash FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE by_hash_1 PARTITION OF by_hash FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE by_hash_2 PARTITION OF by_hash FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO by_hash SELECT i, md5(i::text) FROM generate_series(1, 900) i;

-- The hash of an enum value depends on its oid: after a restore, rows belong into other leaves.
CREATE TABLE by_mood (m mood NOT NULL, id integer, t text) PARTITION BY HASH (m);
CREATE TABLE by_mood_0 PARTITION OF by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 0);
CREATE TABLE by_mood_1 PARTITION OF by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 1);
CREATE TABLE by_mood_2 PARTITION OF by_mood FOR VALUES WITH (MODULUS 3, REMAINDER 2);
INSERT INTO by_mood SELECT (enum_range(NULL::mood))[1 + i % 5], i, md5(i::text) FROM generate_series(1, 3000) i;
CREATE TABLE by_mood_list (m mood, id integer) PARTITION BY LIST (m);
CREATE TABLE by_mood_list_good PARTITION OF by_mood_list FOR VALUES IN ('ok', 'happy');
CREATE TABLE by_mood_list_rest PARTITION OF by_mood_list DEFAULT;
INSERT INTO by_mood_list SELECT (enum_range(NULL::mood))[1 + i % 5], i FROM generate_series(1, 50) i;
CREATE TABLE never_partitioned (id integer) PARTITION BY RANGE (id);

-- ───────────────────────────── sequences ─────────────────────────────

CREATE SEQUENCE seq_used;
SELECT setval('seq_used', 4711);
CREATE SEQUENCE seq_never_used START WITH 77;
CREATE SEQUENCE seq_down INCREMENT BY -3 MAXVALUE 100 MINVALUE -1000 START WITH 50;
SELECT nextval('seq_down'), nextval('seq_down');
CREATE SEQUENCE seq_cycle MAXVALUE 5 CYCLE;
SELECT nextval('seq_cycle') FROM generate_series(1, 8);
CREATE SEQUENCE seq_small AS smallint CACHE 20;
SELECT nextval('seq_small');
CREATE SEQUENCE "Seq ""Ü"" %s";
SELECT setval('"Seq ""Ü"" %s"', 9, false);

-- ───────────────────────────── names ─────────────────────────────

CREATE SCHEMA "Schéma ""q"" $1";
CREATE SCHEMA "a.b";
CREATE SCHEMA "select";
COMMENT ON SCHEMA "a.b" IS 'a dot';
CREATE TABLE "Schéma ""q"" $1"."tä""ble.with 'all' $1 %s \n -- ; *?" ("co""l" integer PRIMARY KEY, "a.b" text, "%" text, "\" text, "--" text, "$1" text, "select" text, " " text, "ÄÖ" mood);
INSERT INTO "Schéma ""q"" $1"."tä""ble.with 'all' $1 %s \n -- ; *?" SELECT i, 'dot', '%', '\', '--', '$1', 'select', ' ', 'ünï' FROM generate_series(1, 60) i;
CREATE TABLE U&"a.b".U&"new\000Aline" (U&"col\000Aumn" integer, U&"tab\0009ulator" text);
INSERT INTO "a.b".U&"new\000Aline" SELECT i, E'x\ny' FROM generate_series(1, 30) i;
CREATE TABLE "select"."table" ("from" integer, "where" text, "user" text);
INSERT INTO "select"."table" VALUES (1, 'w', 'u'), (2, NULL, '');
-- Two tables whose names differ in nothing but schema, and one more that differs by case.
CREATE TABLE "select"."same name" (v text);
CREATE TABLE "a.b"."same name" (v integer);
CREATE TABLE "a.b"."Same Name" (v date);
INSERT INTO "select"."same name" VALUES ('in select');
INSERT INTO "a.b"."same name" VALUES (1), (2);
INSERT INTO "a.b"."Same Name" VALUES ('2024-01-01');
CREATE TABLE "sixty-three-bytes-exactly-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxä" (v integer);
INSERT INTO "sixty-three-bytes-exactly-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxä" VALUES (63);

-- ───────────────────────────── rights, row security, rules, keys in a circle ─────────────────────────────

CREATE TABLE secured (id integer PRIMARY KEY, owner_name text, v text);
INSERT INTO secured SELECT i, CASE WHEN i % 2 = 0 THEN 'torture_reader' ELSE 'somebody' END, md5(i::text) FROM generate_series(1, 200) i;
ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON secured FOR SELECT TO torture_reader USING (owner_name = current_user);
CREATE TABLE secured_by_force (id integer, v text);
INSERT INTO secured_by_force SELECT i, 'v' || i FROM generate_series(1, 100) i;
ALTER TABLE secured_by_force ENABLE ROW LEVEL SECURITY;
ALTER TABLE secured_by_force FORCE ROW LEVEL SECURITY;
CREATE POLICY few ON secured_by_force AS RESTRICTIVE USING (id < 10) WITH CHECK (id > 0);
CREATE POLICY "some" ON secured_by_force USING (true);
ALTER TABLE secured_by_force OWNER TO torture_owner;

CREATE TABLE ruled (id integer, v text);
CREATE TABLE ruled_log (id integer, what text);
INSERT INTO ruled SELECT i, 'r' || i FROM generate_series(1, 50) i;
CREATE RULE ruled_copy AS ON INSERT TO ruled DO ALSO INSERT INTO ruled_log VALUES (NEW.id, 'by rule');
CREATE RULE ruled_keep AS ON DELETE TO ruled DO INSTEAD NOTHING;

CREATE TABLE egg (id integer PRIMARY KEY, hen_id integer NOT NULL);
CREATE TABLE hen (id integer PRIMARY KEY, egg_id integer NOT NULL REFERENCES egg DEFERRABLE INITIALLY DEFERRED);
INSERT INTO egg SELECT i, 501 - i FROM generate_series(1, 500) i;
INSERT INTO hen SELECT i, i FROM generate_series(1, 500) i;
ALTER TABLE egg ADD CONSTRAINT egg_hen FOREIGN KEY (hen_id) REFERENCES hen DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE tree (id integer PRIMARY KEY, parent_id integer REFERENCES tree ON DELETE CASCADE, EXCLUDE USING btree (id WITH =));
INSERT INTO tree SELECT i, nullif(i / 2, 0) FROM generate_series(1, 300) i;
CREATE TABLE half_checked (id integer);
INSERT INTO half_checked VALUES (-5), (5);
-- NOT VALID: the rows that are there break it, so a restore that adds it as valid fails.
ALTER TABLE half_checked ADD CONSTRAINT not_yet CHECK (id > 0) NOT VALID;
CREATE TABLE tagged (id integer PRIMARY KEY, tags text[], doc jsonb, body tsvector, at_room int4range);
INSERT INTO tagged SELECT i, ARRAY['t' || i % 5, 'all'], jsonb_build_object('n', i, 'm', md5(i::text)), to_tsvector('simple', md5(i::text)), int4range(i * 10, i * 10 + 5)
    FROM generate_series(1, 800) i;
CREATE INDEX tagged_tags ON tagged USING gin (tags);
CREATE INDEX tagged_body ON tagged USING gin (body);
CREATE INDEX tagged_partial ON tagged ((doc ->> 'm') text_pattern_ops DESC NULLS LAST) INCLUDE (tags) WHERE id > 10;
ALTER TABLE tagged ADD CONSTRAINT no_overlap EXCLUDE USING gist (at_room WITH &&);
CREATE STATISTICS tagged_stats (dependencies, ndistinct) ON id, tags FROM tagged;
ALTER TABLE tagged ALTER COLUMN doc SET STATISTICS 500;
ALTER TABLE tagged SET (fillfactor = 70, autovacuum_enabled = false);
ALTER TABLE tagged REPLICA IDENTITY FULL;
ALTER TABLE tagged CLUSTER ON tagged_pkey;

CREATE UNLOGGED TABLE unlogged_one (id integer PRIMARY KEY, t text);
INSERT INTO unlogged_one SELECT i, md5(i::text) FROM generate_series(1, 100) i;

GRANT USAGE ON SCHEMA "a.b" TO torture_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA "a.b" TO torture_reader;
GRANT SELECT (id, name), UPDATE (name) ON parent TO torture_reader WITH GRANT OPTION;
GRANT ALL ON computed TO "Torture Rôle ""x""";
REVOKE ALL ON FUNCTION doubled(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION doubled(integer) TO torture_owner;
GRANT USAGE ON SEQUENCE seq_used TO torture_reader;
GRANT USAGE ON TYPE mood TO torture_reader;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO torture_reader;
ALTER DEFAULT PRIVILEGES FOR ROLE torture_owner GRANT EXECUTE ON FUNCTIONS TO "Torture Rôle ""x""";
ALTER TABLE by_list OWNER TO torture_owner;
ALTER TYPE mood OWNER TO torture_owner;
ALTER FUNCTION rows_of(integer) OWNER TO "Torture Rôle ""x""";
COMMENT ON TABLE parent IS E'line one\nline two; DROP TABLE parent; --';
COMMENT ON COLUMN parent.name IS 'a ''quoted'' comment';
COMMENT ON CONSTRAINT egg_hen ON egg IS 'which was first';

-- ───────────────────────────── views ─────────────────────────────

CREATE VIEW plain_view AS SELECT p.id, p.name, p.tableoid::regclass AS source FROM parent p;
CREATE VIEW checked_view WITH (security_barrier) AS SELECT * FROM no_key WHERE a > 3 WITH CASCADED CHECK OPTION;
CREATE RECURSIVE VIEW up_to (n) AS VALUES (1) UNION ALL SELECT n + 1 FROM up_to WHERE n < 10;
-- A view that needs a primary key (GROUP BY a functional dependency) is made after the table's data.
CREATE VIEW needs_key AS SELECT s.id, s.v, count(*) AS n FROM secured s JOIN tree t USING (id) GROUP BY s.id;
CREATE FUNCTION instead() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RETURN NULL; END $f$;
CREATE TRIGGER view_trigger INSTEAD OF INSERT ON plain_view FOR EACH ROW EXECUTE FUNCTION instead();
ALTER VIEW plain_view ALTER COLUMN name SET DEFAULT 'from view';

CREATE TABLE counted (id integer);
INSERT INTO counted SELECT i FROM generate_series(1, 10) i;
CREATE MATERIALIZED VIEW mat_stale AS SELECT count(*) AS n, max(id) AS newest FROM counted;
INSERT INTO counted VALUES (11);
CREATE MATERIALIZED VIEW mat_unpopulated AS SELECT id FROM counted WITH NO DATA;
CREATE MATERIALIZED VIEW mat_fresh AS SELECT a, count(*) AS n FROM no_key GROUP BY a;
CREATE UNIQUE INDEX mat_fresh_a ON mat_fresh (a);
CREATE MATERIALIZED VIEW mat_on_mat AS SELECT sum(n) AS total FROM mat_fresh;

-- ───────────────────────────── extensions and foreign data, where the packages are there ─────────────────────────────

DO $do$
BEGIN
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'citext') THEN
        CREATE EXTENSION citext;
        EXECUTE 'CREATE TABLE folded_mail (mail citext PRIMARY KEY, n int)';
        EXECUTE $q$INSERT INTO folded_mail SELECT 'User' || i || '@Example.ORG', i FROM generate_series(1, 100) i$q$;
    END IF;
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'pg_trgm') THEN
        EXECUTE 'CREATE SCHEMA tools';
        EXECUTE 'CREATE EXTENSION pg_trgm SCHEMA tools';
        EXECUTE 'CREATE INDEX no_key_trgm ON no_key USING gin (b tools.gin_trgm_ops)';
    END IF;
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'hstore') THEN
        EXECUTE 'CREATE EXTENSION hstore';
        EXECUTE 'CREATE TABLE keyed (id int, h hstore)';
        EXECUTE $q$INSERT INTO keyed VALUES (1, 'a=>1, "b c"=>NULL, "q\""=>"\\"'), (2, ''), (3, NULL)$q$;
    END IF;
    IF EXISTS (SELECT FROM pg_available_extensions WHERE name = 'postgres_fdw') THEN
        EXECUTE 'CREATE EXTENSION postgres_fdw';
        EXECUTE $q$CREATE SERVER elsewhere FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '192.0.2.1', dbname 'nowhere')$q$;
        EXECUTE $q$CREATE USER MAPPING FOR torture_owner SERVER elsewhere OPTIONS (user 'u')$q$;
        EXECUTE $q$CREATE FOREIGN TABLE far_away (id int, t text) SERVER elsewhere OPTIONS (table_name 'x')$q$;
    END IF;
END $do$;

-- A table that belongs to an extension without being registered for dumps: pg_dump leaves it out, and so must a comparison.
-- (Contrib ships no extension with a registered configuration table.)

-- ───────────────────────────── large objects ─────────────────────────────

SELECT lo_from_bytea(90001, '\x00010203ff5c0a');
SELECT lo_from_bytea(90002, decode(string_agg(md5('lo' || i), '' ORDER BY i), 'hex')) FROM generate_series(1, 40000) i;
SELECT lo_create(90003);
SELECT lo_put(lo_create(90004), 5000000, '\xabcd');
COMMENT ON LARGE OBJECT 90001 IS 'with a comment, ''quoted''';
ALTER LARGE OBJECT 90002 OWNER TO torture_owner;
GRANT SELECT ON LARGE OBJECT 90002 TO torture_reader;

-- ───────────────────────────── publication ─────────────────────────────

CREATE PUBLICATION some_tables FOR TABLE identified, tagged WITH (publish = 'insert, update');

-- ───────────────────────────── many tables, and one large one ─────────────────────────────

DO $do$
DECLARE i int;
BEGIN
    EXECUTE 'CREATE SCHEMA many';
    FOR i IN 1..40 LOOP
        EXECUTE format('CREATE TABLE many.t%s (id int PRIMARY KEY, a text, b numeric(12,3), c timestamptz, d boolean)', lpad(i::text, 2, '0'));
        EXECUTE format($q$INSERT INTO many.t%s SELECT g, md5((g * %s)::text), (g * 7919 %% 100003) / 7.0, timestamptz '2024-01-01 00:00:00+00' + g * interval '%s seconds', g %% 3 = 0
            FROM generate_series(1, %s) g$q$, lpad(i::text, 2, '0'), i, i * 37, i * i % 400);
    END LOOP;
END $do$;

CREATE TABLE big (
    id bigint PRIMARY KEY,
    account integer NOT NULL,
    at timestamptz NOT NULL,
    amount numeric(14,2),
    kind mood NOT NULL,
    body text NOT NULL,
    twice bigint GENERATED ALWAYS AS (id * 2) STORED
);
INSERT INTO big (id, account, at, amount, kind, body)
SELECT g, g * 7919 % 5003, timestamptz '2020-01-01 00:00:00+00' + g * interval '13 minutes', (g * 104729 % 1000003) / 100.0, (enum_range(NULL::mood))[1 + g % 5],
    md5(g::text) || md5((g + 1)::text) || md5((g + 2)::text) || E'\t' || md5((g + 3)::text) || md5((g + 4)::text) || md5((g + 5)::text) || md5((g + 6)::text) || md5((g + 7)::text)
FROM generate_series(1, coalesce(nullif(current_setting('backup.big_rows', true), ''), '125000')::bigint) g;
CREATE INDEX big_account ON big (account, at);

-- ───────────────────────────── settings of the database: hostile to every program that prints text ─────────────────────────────
-- They begin with the next session.

DO $do$
DECLARE setting text;
BEGIN
    FOREACH setting IN ARRAY ARRAY['work_mem = ''7MB''', 'search_path = "select", public, "a.b"', 'DateStyle = ''SQL, DMY''', 'IntervalStyle = ''sql_standard''',
        'TimeZone = ''Asia/Kathmandu''', 'bytea_output = ''escape''', 'extra_float_digits = 0', 'quote_all_identifiers = on', 'xmloption = ''document''',
        'app.greeting = ''it''''s me''', 'statement_timeout = ''2h'''] LOOP
        EXECUTE format('ALTER DATABASE %I SET %s', current_database(), setting);
    END LOOP;
    EXECUTE format('ALTER ROLE torture_reader IN DATABASE %I SET work_mem = ''9MB''', current_database());
    EXECUTE format('COMMENT ON DATABASE %I IS ''the hard one''', current_database());
    EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO torture_reader', current_database());
END $do$;
RESET search_path;
