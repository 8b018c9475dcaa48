-- What the benchmark's database holds beside pgbench's own tables.
CREATE TABLE events (
    id bigint PRIMARY KEY,
    event_uuid uuid NOT NULL,
    occurred_at timestamptz NOT NULL,
    user_id integer NOT NULL,
    kind text NOT NULL,
    note text,
    body jsonb NOT NULL
);
CREATE TABLE users (
    id integer PRIMARY KEY,
    email text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL,
    country char(2) NOT NULL,
    balance numeric(12, 2) NOT NULL
);
CREATE TABLE rooms (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL,
    owner_id integer NOT NULL REFERENCES users (id),
    tags text[] NOT NULL
);
CREATE VIEW events_per_day AS SELECT occurred_at::date AS day, kind, count(*) FROM events GROUP BY 1, 2;

INSERT INTO users
SELECT i, 'user' || i || '@' || substr(md5(i::text), 1, 6) || '.example', timestamptz '2021-01-01 00:00+00' + i * interval '7 minutes',
       (ARRAY['de', 'fr', 'es', 'at', 'dk'])[1 + i % 5], (hashint4(i) % 100000) / 100.0
FROM generate_series(1, 20000) i;
INSERT INTO rooms (title, owner_id, tags)
SELECT 'Room ' || md5(i::text), 1 + i % 20000, ARRAY['floor ' || i % 9, md5((i % 50)::text)]
FROM generate_series(1, 5000) i;
CREATE TABLE settings (key text PRIMARY KEY, value jsonb);
INSERT INTO settings SELECT 'setting.' || i, jsonb_build_object('enabled', i % 2 = 0, 'limit', i) FROM generate_series(1, 40) i;
