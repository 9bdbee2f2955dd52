//! Puts what one `ingest` runs through side by side in the binary: `.cargo/hot.ld` names those functions.
//!
//! A process per mail pays for each stretch of the file it touches. Only release builds are laid out; a linker
//! script that adds to the default one (`INSERT`) is understood by lld and by GNU ld.

#![expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "so a build script and cargo talk")]

fn main() {
    println!("cargo::rerun-if-changed=.cargo/hot.ld");
    println!("cargo::rerun-if-changed=build.rs");
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{folder}/.cargo/hot.ld");
    }
}
