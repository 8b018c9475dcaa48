-- What a team makes in its project, through the role postgres.
CREATE SCHEMA private;
CREATE FUNCTION private.is_member(who uuid) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$ SELECT who IS NOT NULL $$;

CREATE TYPE public.plan AS ENUM ('free', 'pro');
CREATE DOMAIN public.handle AS text CHECK (VALUE ~ '^[a-z0-9_]+$');
CREATE TABLE public.profiles (id uuid PRIMARY KEY REFERENCES auth.users ON DELETE CASCADE, username handle UNIQUE, plan plan NOT NULL DEFAULT 'free');
CREATE TABLE public.notes (
    id uuid PRIMARY KEY DEFAULT extensions.uuid_generate_v4(), owner uuid NOT NULL REFERENCES profiles, n bigint GENERATED ALWAYS AS IDENTITY,
    body text NOT NULL CONSTRAINT "not empty" CHECK (length(body) > 0));
CREATE INDEX notes_owner ON notes (owner);
CREATE TABLE public."Odd (table)" (id serial PRIMARY KEY, v text);
CREATE TABLE public.secrets (id int PRIMARY KEY, v text);
CREATE TABLE public.events (at date NOT NULL, what text) PARTITION BY RANGE (at);
CREATE TABLE public.events_2025 PARTITION OF events FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE public.events_2026 PARTITION OF events FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
REVOKE ALL ON secrets FROM anon, authenticated;
REVOKE SELECT ON notes FROM anon;
GRANT SELECT (id, body) ON notes TO anon;
ALTER TABLE profiles ENABLE ROW LEVEL SECURITY;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY "own profile" ON profiles USING (id = auth.uid());
CREATE POLICY "own notes" ON notes TO authenticated USING (owner = auth.uid() AND private.is_member(auth.uid()));
CREATE VIEW public.members AS SELECT p.id, p.username, u.email FROM profiles p JOIN auth.users u USING (id);
CREATE MATERIALIZED VIEW public.totals AS SELECT owner, count(*) AS notes FROM notes GROUP BY owner;
COMMENT ON TABLE notes IS 'what members write';
COMMENT ON CONSTRAINT profiles_id_fkey ON profiles IS 'a profile is a login';
CREATE FUNCTION public.handle_new_user() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
    BEGIN INSERT INTO public.profiles (id, username) VALUES (new.id, new.raw_user_meta_data ->> 'username'); RETURN new; END $$;
REVOKE ALL ON FUNCTION public.handle_new_user() FROM PUBLIC, anon, authenticated;
CREATE TRIGGER on_auth_user_created AFTER INSERT ON auth.users FOR EACH ROW EXECUTE FUNCTION public.handle_new_user();
ALTER PUBLICATION supabase_realtime ADD TABLE public.notes;

CREATE SCHEMA billing;
CREATE TABLE billing.invoices (id int PRIMARY KEY, profile uuid NOT NULL REFERENCES public.profiles, cents int NOT NULL);
GRANT USAGE ON SCHEMA billing TO service_role;
GRANT SELECT ON billing.invoices TO service_role;

INSERT INTO auth.users (id, email, encrypted_password, email_confirmed_at, raw_user_meta_data)
    SELECT md5(i::text)::uuid, 'user' || i || '@example.com', md5('p' || i), timestamptz '2026-01-01' + i * interval '1 hour', jsonb_build_object('username', 'user_' || i) FROM generate_series(1, 200) i;
INSERT INTO auth.identities (provider_id, user_id, identity_data, provider) SELECT id::text, id, jsonb_build_object('email', upper(email)), 'email' FROM auth.users;
INSERT INTO auth.refresh_tokens (token, user_id) SELECT md5(id::text), id::text FROM auth.users;
INSERT INTO storage.buckets (id, name) VALUES ('avatars', 'avatars');
INSERT INTO storage.objects (bucket_id, name, owner) SELECT 'avatars', id || '/me.png', id FROM auth.users;
UPDATE storage.objects SET level = 2;
UPDATE profiles SET plan = 'pro' WHERE username = 'user_7';
INSERT INTO notes (owner, body) SELECT md5((1 + i % 200)::text)::uuid, E'line one\nline two \\.\n\\.\n' || repeat(md5(i::text), 20) FROM generate_series(1, 3000) i;
INSERT INTO "Odd (table)" (v) SELECT md5(i::text) FROM generate_series(1, 50) i;
INSERT INTO secrets VALUES (1, 'nobody but the service');
INSERT INTO events SELECT date '2025-06-01' + i, 'event ' || i FROM generate_series(1, 400) i;
INSERT INTO billing.invoices SELECT i, md5(i::text)::uuid, i * 100 FROM generate_series(1, 20) i;
REFRESH MATERIALIZED VIEW totals;
