-- The reference table, as its owner made it: no primary key.
CREATE EXTENSION IF NOT EXISTS "uuid-ossp";
CREATE TABLE IF NOT EXISTS inventory (
    id uuid DEFAULT uuid_generate_v4(),
    sku char(15) NOT NULL,
    name varchar(150) NOT NULL,
    description text,
    price double precision NOT NULL DEFAULT 0,
    available integer
);
INSERT INTO inventory (sku, name, description, price, available) VALUES
    ('SKU-0001', 'Widget', 'A "quoted" thing', 9.99, 5),
    ('SKU-0002', 'Gadget', NULL, 24.5, NULL);
