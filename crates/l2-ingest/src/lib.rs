//! l2-ingest
