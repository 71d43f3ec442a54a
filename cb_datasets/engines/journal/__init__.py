"""The journal: finished samples on storage, found again by all that determines them."""
