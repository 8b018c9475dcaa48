-- People, what there is to watch, and what they have watched. realtime is Supabase's own and stays out of backups.
CREATE SCHEMA realtime;
CREATE TABLE realtime.messages (id bigint PRIMARY KEY, topic text);
INSERT INTO realtime.messages SELECT i, 'room:' || i FROM generate_series(1, 50) i;

CREATE TABLE profiles (id uuid PRIMARY KEY, name text NOT NULL, updated_at timestamptz NOT NULL);
CREATE TABLE titles (id int PRIMARY KEY, name text NOT NULL, minutes int NOT NULL CHECK (minutes > 0));
CREATE TABLE watch_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    profile_id uuid NOT NULL,
    title_id int NOT NULL REFERENCES titles,
    seconds int NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX ON watch_history (profile_id, created_at);

INSERT INTO profiles SELECT md5(i::text)::uuid, 'viewer ' || i, now() - i * interval '1 hour' FROM generate_series(1, 300) i;
INSERT INTO titles SELECT i, 'title ' || i, 20 + i % 100 FROM generate_series(1, 80) i;
INSERT INTO watch_history (profile_id, title_id, seconds, created_at)
    SELECT md5((1 + i % 300)::text)::uuid, 1 + i % 80, i % 5000, now() - i * interval '5 minutes' FROM generate_series(1, 4000) i;
