//! The C3 command line.

fn main() {}
