//! Captions from embeddings: training and generation.
