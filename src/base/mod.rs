//! Basic types that every feature uses: time, randomness, identifiers, validated text. Must not import from a feature.

pub mod client_info;
pub mod clock;
pub mod day;
pub mod id;
pub mod local_time;
pub(crate) mod natural_order;
pub mod note;
pub(crate) mod public_url;
pub mod random;
pub(crate) mod text;
