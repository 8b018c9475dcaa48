-- Customers and the points on their cards, as Prisma migrates them.
CREATE TABLE _prisma_migrations (
    id text PRIMARY KEY, checksum text NOT NULL, migration_name text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(), finished_at timestamptz, rolled_back_at timestamptz
);
CREATE TABLE customers (id text PRIMARY KEY, phone text NOT NULL UNIQUE, "createdAt" timestamp(3) NOT NULL DEFAULT CURRENT_TIMESTAMP);
CREATE TABLE loyalty_cards (id text PRIMARY KEY, customer_id text NOT NULL REFERENCES customers ON DELETE CASCADE, points int NOT NULL);
CREATE TABLE visits (id bigserial PRIMARY KEY, card_id text NOT NULL REFERENCES loyalty_cards, points int NOT NULL, at timestamptz NOT NULL);

INSERT INTO _prisma_migrations (id, checksum, migration_name, finished_at) SELECT md5(i::text), md5('m' || i), '2026010' || i || '_step', now() FROM generate_series(1, 6) i;
INSERT INTO customers (id, phone) SELECT 'c' || md5(i::text), '+54' || 1100000000 + i FROM generate_series(1, 500) i;
INSERT INTO loyalty_cards SELECT 'k' || md5(i::text), 'c' || md5(i::text), i % 700 FROM generate_series(1, 500) i;
INSERT INTO visits (card_id, points, at) SELECT 'k' || md5((1 + i % 500)::text), i % 20, now() - i * interval '11 minutes' FROM generate_series(1, 3000) i;
