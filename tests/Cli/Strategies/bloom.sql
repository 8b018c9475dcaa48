-- A practice: people, therapists and their bookings.
CREATE TYPE booking_state AS ENUM ('requested', 'confirmed', 'cancelled');
CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL UNIQUE, is_therapist boolean NOT NULL DEFAULT false);
CREATE TABLE bookings (
    id uuid PRIMARY KEY,
    user_id int NOT NULL REFERENCES users,
    therapist_id int NOT NULL REFERENCES users,
    state booking_state NOT NULL,
    notes text,
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL
);
CREATE INDEX ON bookings (therapist_id, created_at);

INSERT INTO users (email, is_therapist) SELECT 'user' || i || '@example.com', i <= 10 FROM generate_series(1, 400) i;
INSERT INTO bookings SELECT md5(i::text)::uuid, 11 + i % 390, 1 + i % 10, (ARRAY['requested', 'confirmed', 'cancelled'])[1 + i % 3]::booking_state,
    CASE WHEN i % 4 = 0 THEN 'zweite Sitzung, é ñ' END, now() - i * interval '2 hours', now() - i * interval '1 hour' FROM generate_series(1, 2500) i;
