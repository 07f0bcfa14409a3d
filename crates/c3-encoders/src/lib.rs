//! Pictures and texts into one embedding space.
