"""A tenant's configuration as one document: what agents say and know, by names that people gave. Pure."""
