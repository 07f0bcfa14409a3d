//! Embeddings, and what can be measured of a contrastive space.
