//! Checks of public keys: which can be used, and with which anyone could sign.

use std::ops::RangeInclusive;

use ring::agreement::{self, ECDH_P256, ECDH_P384, EphemeralPrivateKey};
use ring::rand::SystemRandom;
use simple_asn1::{ASN1Block, BigUint};

/// Sizes of RSA keys: 2048 bits at least (RFC 7518 section 3.3), and 8192 at most, which is where the crypto library
/// ends.
const RSA_MODULUS_BITS: RangeInclusive<u64> = 2048..=8192;

/// Bytes of an Ed25519 key (RFC 8032, section 5.1.5).
const ED25519_BYTES: usize = 32;

/// Returns what is wrong with a usable key, if its signatures prove nothing.
pub(super) fn unsafe_problem(key: &[u8]) -> Option<&'static str> {
    if has_low_order(key) {
        return Some("it is an Ed25519 point of low order, with which anyone can sign");
    }
    let (_, exponent) = rsa_numbers(key)?;
    exponent_problem(&exponent)
}

/// Returns what is wrong with an RSA exponent. FIPS 186-5 (appendix A.1.1): odd, and at least 65537. Providers use
/// 65537. With 1, anyone can sign.
fn exponent_problem(exponent: &BigUint) -> Option<&'static str> {
    let is_allowed = exponent.bit(0) && *exponent >= BigUint::from(65_537_u32);
    // ring takes no more than 33 bits.
    (!is_allowed || exponent.bits() > 33)
        .then_some("its RSA exponent is not 65537 or a larger odd number of up to 33 bits")
}

/// Returns true for the points of Ed25519 whose order is 1, 2, 4 or 8: their y coordinates, in every encoding,
/// as libsodium lists them. The last bit is the sign of x.
fn has_low_order(key: &[u8]) -> bool {
    const ORDER_8: [[u8; ED25519_BYTES]; 2] = [
        [
            0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef,
            0x98, 0xf0, 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88,
            0x6d, 0x53, 0xfc, 0x05,
        ],
        [
            0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10,
            0x67, 0x0f, 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77,
            0x92, 0xac, 0x03, 0x7a,
        ],
    ];
    let Ok(mut y) = <[u8; ED25519_BYTES]>::try_from(key) else {
        return false;
    };
    y[31] &= 0x7f;
    let is_0_or_1 = y[0] <= 1 && y[1..].iter().all(|byte| *byte == 0);
    // p - 1, p and p + 1 for p = 2^255 - 19.
    let is_around_p =
        (0xec..=0xee).contains(&y[0]) && y[1..31].iter().all(|byte| *byte == 0xff) && y[31] == 0x7f;
    is_0_or_1 || is_around_p || ORDER_8.contains(&y)
}

pub(super) fn is_ed25519(key: &[u8]) -> bool {
    key.len() == ED25519_BYTES
}

/// Returns true for a point of P-256.
pub(super) fn is_p256(point: &[u8]) -> bool {
    is_point(&ECDH_P256, point)
}

/// Returns true for a point of P-384.
pub(super) fn is_p384(point: &[u8]) -> bool {
    is_point(&ECDH_P384, point)
}

/// Returns true for a point of `curve`: an agreement with a key of our own succeeds.
fn is_point(curve: &'static agreement::Algorithm, point: &[u8]) -> bool {
    let theirs = agreement::UnparsedPublicKey::new(curve, point);
    EphemeralPrivateKey::generate(curve, &SystemRandom::new())
        .and_then(|ours| agreement::agree_ephemeral(ours, &theirs, |_| ()))
        .is_ok()
}

/// Returns true for an `RSAPublicKey` of a length that can be used.
pub(super) fn is_rsa(der: &[u8]) -> bool {
    rsa_numbers(der).is_some_and(|(modulus, _)| RSA_MODULUS_BITS.contains(&modulus.bits()))
}

/// Returns modulus and exponent of an `RSAPublicKey` (RFC 8017, appendix A.1.1).
fn rsa_numbers(der: &[u8]) -> Option<(BigUint, BigUint)> {
    let blocks = simple_asn1::from_der(der).ok()?;
    let [ASN1Block::Sequence(_, numbers)] = blocks.as_slice() else {
        return None;
    };
    match numbers.as_slice() {
        [
            ASN1Block::Integer(_, modulus),
            ASN1Block::Integer(_, exponent),
        ] => Some((modulus.to_biguint()?, exponent.to_biguint()?)),
        _ => None,
    }
}

/// Returns what is wrong with an RSA key of modulus `n` and exponent `e`, big-endian.
pub(super) fn rsa_problem(n: &[u8], e: &[u8]) -> Option<&'static str> {
    if !RSA_MODULUS_BITS.contains(&BigUint::from_bytes_be(n).bits()) {
        return Some("its RSA modulus is not of 2048 to 8192 bits");
    }
    exponent_problem(&BigUint::from_bytes_be(e))
}
