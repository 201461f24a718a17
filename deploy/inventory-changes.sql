-- Without a key PostgreSQL refuses updates and deletes of a published table, until the whole old row goes into the log.
ALTER TABLE inventory REPLICA IDENTITY FULL;
INSERT INTO inventory (sku, name, price, available) VALUES ('SKU-0003', 'Gizmo', 3.25, 40);
UPDATE inventory SET available = 7, price = 12.5 WHERE sku = 'SKU-0001';
DELETE FROM inventory WHERE sku = 'SKU-0002';
