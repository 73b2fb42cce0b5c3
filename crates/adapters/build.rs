//! Tells cargo that the migrations are part of this crate.

fn main() {
    for database in ["postgres", "sqlite"] {
        println!("cargo:rerun-if-changed=../../migrations/{database}");
    }
}
