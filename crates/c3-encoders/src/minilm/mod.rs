//! all-MiniLM-L6-v2: sentences into 384 numbers.
