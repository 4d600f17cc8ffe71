"""Barcodes of devices, as text: GS1, HIBC and what is known of ISBT 128 → identifier, lot, serial number, dates."""
