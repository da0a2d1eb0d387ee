//! Keys of a chip maker's library whose primes can be guessed (CVE-2017-15361).
//!
//! Both primes of such a key are powers of 65537 modulo the product of the smallest primes, so the
//! modulus is one as well. Of other keys, one in 200 million looks the same.

const SMALL_PRIMES: [u32; 17] =
    [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];

/// Whether a modulus, big-endian, looks like one of such a key.
pub(super) fn is_suspect(modulus: &[u8]) -> bool {
    SMALL_PRIMES.iter().all(|prime| {
        let residue =
            modulus.iter().fold(0, |residue, byte| (residue * 256 + u32::from(*byte)) % prime);
        (0..*prime)
            .scan(1, |power, _| {
                *power = *power * 65_537 % prime;
                Some(*power)
            })
            .any(|power| power == residue)
    })
}
