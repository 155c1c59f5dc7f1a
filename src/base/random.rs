//! Random bytes and text. Randomness is an argument: use cases take `&mut impl CryptoRng`; handlers and `main`
//! pass [`os_rng`].

pub use rand::CryptoRng;
use rand::distr::{Alphanumeric, SampleString as _};

/// Returns this thread's cryptographic generator (`ChaCha`, reseeded from the operating system).
#[must_use]
pub fn os_rng() -> impl CryptoRng {
    #[expect(clippy::disallowed_methods, reason = "the only place that creates a generator")]
    rand::rng()
}

/// Returns `len` random letters and digits: about 5.95 bits each.
pub fn alphanumeric(rng: &mut impl CryptoRng, len: usize) -> String {
    Alphanumeric.sample_string(rng, len)
}

/// Returns `N` random bytes.
pub fn bytes<const N: usize>(rng: &mut impl CryptoRng) -> [u8; N] {
    let mut bytes = [0u8; N];
    rng.fill_bytes(&mut bytes);
    bytes
}
