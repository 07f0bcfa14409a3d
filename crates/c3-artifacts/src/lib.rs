//! The files that C3 writes, and reads again.
