//! Puts what one `ingest` runs through side by side in the binary: `.cargo/hot.ld` names those functions.
//!
//! A process per mail pays for each stretch of the file it touches. Only release builds are laid out; a linker
//! script that adds to the default one (`INSERT`) is understood by lld and by GNU ld.

#![expect(clippy::disallowed_methods, clippy::disallowed_macros, reason = "so a build script and cargo talk")]

fn main() {
    println!("cargo::rerun-if-changed=.cargo/hot.ld");
    println!("cargo::rerun-if-changed=build.rs");
    // mold 1.10, Debian's, reads another thread-local variable than the C library wrote in a static program of this
    // size, which then dies before `main`. Where somebody asks for it, the linker that comes with Rust is taken.
    if std::env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("-fuse-ld=mold")) {
        println!("cargo::rustc-link-arg=-fuse-ld=lld");
    }
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        let folder = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
        println!("cargo::rustc-link-arg-bins=-Wl,-T,{folder}/.cargo/hot.ld");
    }
}
