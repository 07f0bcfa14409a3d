//! What C3 does to an embedding: collapse and corrupt.
