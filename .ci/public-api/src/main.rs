//! Prints the public API of a crate, a line for each item, from the rustdoc JSON that its argument names. Derived and blanket implementations are left out.

use public_api::Builder;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let json = std::env::args_os().nth(1).ok_or("usage: public-api-listing JSON")?;
    let builder = Builder::from_rustdoc_json(json).omit_blanket_impls(true).omit_auto_trait_impls(true).omit_auto_derived_impls(true);
    print!("{}", builder.build()?);
    Ok(())
}
