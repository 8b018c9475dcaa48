-- Who may log in, what can be had, where it stands. supabase_functions is Supabase's own and stays out of backups.
CREATE SCHEMA supabase_functions;
CREATE TABLE supabase_functions.hooks (id bigint PRIMARY KEY);

CREATE TABLE users (id serial PRIMARY KEY, email text NOT NULL UNIQUE, role text NOT NULL, active boolean NOT NULL);
CREATE TABLE locations (id serial PRIMARY KEY, name text NOT NULL);
CREATE TABLE catalog_items (id serial PRIMARY KEY, sku text NOT NULL UNIQUE, price numeric(12, 2) NOT NULL CHECK (price >= 0));
CREATE TABLE assets (
    id serial PRIMARY KEY, item_id int NOT NULL REFERENCES catalog_items, location_id int NOT NULL,
    serial_number text UNIQUE, bought_on date NOT NULL, label text GENERATED ALWAYS AS ('A-' || serial_number) STORED
);

INSERT INTO users (email, role, active) SELECT 'u' || i || '@example.com', CASE WHEN i <= 2 THEN 'admin' ELSE 'clerk' END, i <> 2 FROM generate_series(1, 40) i;
INSERT INTO locations (name) SELECT 'shelf ' || i FROM generate_series(1, 60) i;
INSERT INTO catalog_items (sku, price) SELECT 'SKU-' || i, i * 1.25 FROM generate_series(1, 300) i;
INSERT INTO assets (item_id, location_id, serial_number, bought_on) SELECT 1 + i % 300, 1 + i % 60, 'SN' || i, date '2025-01-01' + i % 400 FROM generate_series(1, 2500) i;
