//! Basic types that every feature uses: time, randomness, identifiers, validated text. Must not import from a feature.

pub mod client_info;
pub mod clock;
pub mod id;
pub mod public_url;
pub mod random;
pub mod text;
