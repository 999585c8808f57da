//! client-sim
fn main() {}
