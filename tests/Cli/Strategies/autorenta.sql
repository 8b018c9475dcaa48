-- Cars, who rents them, and every movement of money.
CREATE TABLE cars (id serial PRIMARY KEY, plate text NOT NULL UNIQUE);
CREATE TABLE bookings (
    id uuid PRIMARY KEY, car_id int NOT NULL REFERENCES cars, during tstzrange NOT NULL, price numeric(12, 2) NOT NULL, updated_at timestamptz NOT NULL
);
CREATE TABLE wallet_transactions (id bigserial PRIMARY KEY, booking_id uuid REFERENCES bookings, amount numeric(14, 2) NOT NULL, created_at timestamptz NOT NULL);
CREATE TABLE wallet_ledger (
    id bigserial PRIMARY KEY, transaction_id bigint NOT NULL REFERENCES wallet_transactions, balance numeric(14, 2) NOT NULL, ts timestamptz NOT NULL
);
CREATE TABLE accounting_entries (id bigserial PRIMARY KEY, account text NOT NULL, debit numeric(14, 2), credit numeric(14, 2), created_at timestamptz NOT NULL);

INSERT INTO cars (plate) SELECT 'AR' || i FROM generate_series(1, 50) i;
INSERT INTO bookings SELECT md5(i::text)::uuid, 1 + i % 50, tstzrange(now() - i * interval '1 day', now() - i * interval '1 day' + interval '3 hours'), i * 10, now() - i * interval '1 hour' FROM generate_series(1, 800) i;
INSERT INTO wallet_transactions (booking_id, amount, created_at) SELECT md5((1 + i % 800)::text)::uuid, i, now() - (2000 - i) * interval '30 minutes' FROM generate_series(1, 2000) i;
INSERT INTO wallet_ledger (transaction_id, balance, ts) SELECT i, i * 2, now() - (2000 - i) * interval '30 minutes' FROM generate_series(1, 2000) i;
INSERT INTO accounting_entries (account, debit, created_at) SELECT '4' || i % 10, i, now() - (2000 - i) * interval '30 minutes' FROM generate_series(1, 2000) i;
