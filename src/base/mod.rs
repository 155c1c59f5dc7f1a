//! What every feature stands on: time, randomness, ids, the database, the web. It knows no feature.

pub mod client_info;
pub mod clock;
pub mod id;
pub mod public_url;
pub mod random;
pub mod text;
