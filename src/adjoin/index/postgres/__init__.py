"""The index in PostgreSQL: a schema for each index, the words as postings, large indexes with pgvector's HNSW.

address.py (the URL of an index) -> store.py (connects, opens versions) -> snapshot.py (reads), writer.py (changes)

psycopg, of the extra `pg`, is imported only when a database is opened.
"""
