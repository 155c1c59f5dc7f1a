//! Random bytes and base62 text. Randomness is an argument: use cases take `&mut impl CryptoRng`; handlers and `main`
//! pass [`os_rng`].

pub use rand::CryptoRng;

/// Returns this thread's cryptographic generator (`ChaCha`, reseeded from the operating system).
#[must_use]
pub fn os_rng() -> impl CryptoRng {
    #[expect(clippy::disallowed_methods, reason = "the only place that creates a generator")]
    rand::rng()
}

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Returns the base62 digit for `n`, which must be below 62.
#[must_use]
pub const fn base62_digit(n: u8) -> u8 {
    BASE62[n as usize]
}

/// Fills `out` with uniformly distributed base62 digits. Bytes of 248 or more are discarded, which avoids modulo
/// bias.
pub fn fill_base62(rng: &mut impl CryptoRng, out: &mut [u8]) {
    let mut pool = [0u8; 64];
    let mut filled = 0;
    while filled < out.len() {
        rng.fill_bytes(&mut pool);
        for byte in pool.iter().filter(|&&byte| byte < 248) {
            if filled == out.len() {
                break;
            }
            out[filled] = base62_digit(byte % 62);
            filled += 1;
        }
    }
    zeroize::Zeroize::zeroize(&mut pool);
}

/// Returns `len` random base62 characters: about 5.95 bits each.
pub fn base62(rng: &mut impl CryptoRng, len: usize) -> String {
    let mut bytes = vec![0u8; len];
    fill_base62(rng, &mut bytes);
    bytes.into_iter().map(char::from).collect()
}

/// Returns `N` random bytes.
pub fn bytes<const N: usize>(rng: &mut impl CryptoRng) -> [u8; N] {
    let mut bytes = [0u8; N];
    rng.fill_bytes(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base62_digits_are_uniformly_distributed() {
        let mut counts = [0u32; 128];
        for byte in base62(&mut os_rng(), 62_000).bytes() {
            counts[usize::from(byte)] += 1;
        }
        // 1000 of each digit are expected, standard deviation 31; the limits are 7 deviations away.
        assert!(BASE62.iter().all(|&digit| (780..1220).contains(&counts[usize::from(digit)])));
        assert_eq!(counts.iter().sum::<u32>(), 62_000);
    }
}
