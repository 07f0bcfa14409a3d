//! Other people's files, read into samples.
