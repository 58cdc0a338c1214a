//! Tells the linker that Node-API's functions come from the host process.

fn main() {
    napi_build::setup();
}
