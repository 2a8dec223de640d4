//! l1-ingest
