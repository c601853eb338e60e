"""The intelligence layer: what sessions did, as tables to ask. Made from the journals, and made again at any time."""
