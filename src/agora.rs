//! Agora channel tokens for clients: `AccessToken2`, version "007".
//!
//! The format is Agora's own, as published with its token builders (github.com/AgoraIO/Tools, `DynamicKey`).
//! Everything is packed little-endian; a text is its length in 16 bits, then its bytes:
//!
//! ```text
//! token     = "007" base64( zlib( text(signature) body ) )
//! body      = text(app id) u32 issued_at u32 expires_in u32 salt u16 services service
//! service   = u16 kind u16 privileges ( u16 privilege u32 expires_in )* text(channel) text(uid)
//! signature = hmac( hmac(salt, hmac(issued_at, certificate)), body )      hmac(key, text): HMAC-SHA256
//! ```
//!
//! This module does not check whether a user may have a token; the service does.

use std::io::Write as _;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use ring::digest::{SHA256, digest};
use ring::hmac;
use secrecy::{ExposeSecret, SecretString};

use crate::call::{ChannelId, MediaRole};
use crate::clock::Timestamp;
use crate::settings::Settings;
use crate::user::UserId;

const VERSION: &str = "007";

/// The service of audio and video, for which our tokens are.
const RTC: u16 = 1;

/// Privileges of that service: join; publish audio, video, data.
const JOIN: u16 = 1;
const PUBLISH: [u16; 3] = [2, 3, 4];

/// Agora account that signs tokens.
pub struct Agora {
    app_id: String,
    certificate: SecretString,
}

/// Rights that a token gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Channel.
    pub channel: ChannelId,
    /// User id in the channel.
    pub uid: Uid,
    /// Whether the bearer may publish too.
    pub role: MediaRole,
    /// Time of issue, in whole seconds.
    pub issued_at: Timestamp,
    /// Validity, in whole seconds.
    pub lasts: Duration,
}

impl Grant {
    /// Time of expiry.
    #[must_use]
    pub fn expires_at(&self) -> Timestamp {
        let issued_at = Timestamp::from_millis(i64::from(seconds(self.issued_at)) * 1_000);
        issued_at.plus(self.lasts)
    }
}

/// Number of a user in a channel; never 0, which Agora reserves for "no user".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uid(u32);

impl Uid {
    /// Returns the number of `user`: the id itself if it is a canonical decimal number from 1 to 2^32−1, else the first
    /// 32 bits of its SHA-256. It is the same on every device.
    #[must_use]
    pub fn of(user: &UserId) -> Self {
        let id = user.as_str();
        // "007" is a different user from "7".
        let number = id.parse().ok().filter(|uid: &u32| uid.to_string() == id);
        Self(number.filter(|uid| *uid > 0).unwrap_or_else(|| hash(id)))
    }

    /// Returns the number.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

fn hash(id: &str) -> u32 {
    let digest = digest(&SHA256, id.as_bytes());
    let first = digest.as_ref().first_chunk().expect("it has 32 bytes");
    u32::from_be_bytes(*first).max(1)
}

impl Agora {
    /// Returns the account of `settings`, if both its app id and its certificate are set.
    #[must_use]
    pub fn from_settings(settings: &Settings) -> Option<Self> {
        let app_id = settings.agora_app_id.clone()?;
        let certificate = settings.agora_app_certificate.clone()?;
        Some(Self::new(app_id, certificate))
    }

    /// Makes the account of an app id and its certificate: 32 hexadecimal digits each.
    #[must_use]
    pub const fn new(app_id: String, certificate: SecretString) -> Self {
        Self {
            app_id,
            certificate,
        }
    }

    /// Signs a token for `grant`. `salt` is random, so that no two tokens are the same.
    ///
    /// # Panics
    /// Never: the packed texts are short, and writes to memory do not fail.
    #[must_use]
    pub fn token(&self, grant: &Grant, salt: u32) -> String {
        let issued_at = seconds(grant.issued_at);
        let body = self.body(grant, issued_at, salt);
        let certificate = self.certificate.expose_secret().as_bytes();
        let key = sign(&issued_at.to_le_bytes(), certificate);
        let key = sign(&salt.to_le_bytes(), key.as_ref());
        let signature = sign(key.as_ref(), &body);
        let mut content = Vec::new();
        pack_text(&mut content, signature.as_ref());
        content.extend(body);
        let mut zlib = ZlibEncoder::new(Vec::new(), Compression::default());
        let packed = zlib.write_all(&content).and_then(|()| zlib.finish());
        let packed = packed.expect("memory can be written");
        format!("{VERSION}{}", STANDARD.encode(packed))
    }

    fn body(&self, grant: &Grant, issued_at: u32, salt: u32) -> Vec<u8> {
        let lasts = u32::try_from(grant.lasts.as_secs()).unwrap_or(u32::MAX);
        let mut body = Vec::new();
        pack_text(&mut body, self.app_id.as_bytes());
        for number in [issued_at, lasts, salt] {
            body.extend(number.to_le_bytes());
        }
        let services: u16 = 1;
        body.extend(services.to_le_bytes());
        body.extend(RTC.to_le_bytes());
        let publish: &[u16] = match grant.role {
            MediaRole::Publisher => &PUBLISH,
            MediaRole::Subscriber => &[],
        };
        pack_length(&mut body, 1 + publish.len());
        for privilege in std::iter::once(&JOIN).chain(publish) {
            body.extend(privilege.to_le_bytes());
            body.extend(lasts.to_le_bytes());
        }
        pack_text(&mut body, grant.channel.as_str().as_bytes());
        pack_text(&mut body, grant.uid.get().to_string().as_bytes());
        body
    }
}

/// Returns whole seconds since the epoch, in Agora's 32 bits.
fn seconds(at: Timestamp) -> u32 {
    u32::try_from(at.as_millis() / 1_000).unwrap_or(0)
}

fn sign(key: &[u8], text: &[u8]) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text)
}

fn pack_text(out: &mut Vec<u8>, text: &[u8]) {
    pack_length(out, text.len());
    out.extend(text);
}

fn pack_length(out: &mut Vec<u8>, length: usize) {
    let length = u16::try_from(length).expect("ids, digests and channel names are short");
    out.extend(length.to_le_bytes());
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::ZlibDecoder;

    use super::*;

    /// Tokens of Agora's own builders for the same inputs. The first is in the tests of all of them (`AccessToken2`,
    /// service RTC); the others are from its npm package agora-token, 2.0.6.
    const PUBLISHED: [(&str, &str, MediaRole, i64, u64, u32, &str); 4] = [
        (
            "7d72365eb983485397e3e3f9d460bdda",
            "2882341273",
            MediaRole::Subscriber,
            1_111_111,
            600,
            1,
            "007eJxTYBBbsMMnKq7p9Hf/HcIX5kce9b518kCiQgSr5Zrp4X1Tu6UUGCzNDZwdjU1TUs0Mkk1MzExMk5ISUy0SjQxNDcwMk4yN3b8\
             IMEQwMTAwMoAwBIL4CgzmKeZGxmamqUmWFsYmFqbGluapxqnGaZYpJmYGSSkpiVwMRhYWRsYmhkbmxgDCaiTj",
        ),
        (
            "7d72365eb983485397e3e3f9d460bdda",
            "2882341273",
            MediaRole::Publisher,
            1_111_111,
            600,
            1,
            "007eJxTYDhuGCT90E3Yo2+N3efJV5hX1K1MZAqae/Sa8UP9VXvOhfArMFiaGzg7GpumpJoZJJuYmJmYJiUlplokGhmaGpgZJhkbu38\
             RYIhgYmBgZABhRgYWBkYwnwlMMoNJFjCpwGCeYm5kbGaammRpYWxiYWpsaZ5qnGqcZpliYmaQlJKSyMVgZGFhZGxiaGRuDACosyXL",
        ),
        (
            "first-call",
            "4294967295",
            MediaRole::Publisher,
            1_705_314_600,
            86_400,
            99_999_999,
            "007eJxTYNjyjXO/5v5k3wutAZOFyrpuxzwr6NjP1vljW6nflFiLBZkKDJbmBs6OxqYpqWYGySYmZiamSUmJqRaJRoamBmaGScbGGpx\
             LUxsCGRn+P/jKysjAyMDCwMgA4jOBSWYwyQImuRjSMouKS3STE3NyuBhMjCxNLM3MjSxNAS04JzY=",
        ),
        (
            "a b!#$%&()+-:;<=.>?@[]^_{}|~,",
            "1",
            MediaRole::Subscriber,
            1_705_314_600,
            60,
            u32::MAX,
            "007eJxTYFhYfcs0ieX0taaZQrvPVc/WymLofOd6P/6M0cdpyVECu3sVGCzNDZwdjU1TUs0Mkk1MzExMk5ISUy0SjQxNDcwMk4yNNTi\
             XptowMDD8////PyMDBIL4sgyJCkmKyiqqahqa2rpW1ja2enb2DtGxcfHVtTV1OowMhgD05iZT",
        ),
    ];

    fn user(id: &str) -> UserId {
        UserId::parse(id).expect("a user id")
    }

    #[test]
    fn tokens_are_agoras_own_for_the_same_inputs() {
        let agora = Agora::new(
            "970CA35de60c44645bbae8a215061b33".to_owned(),
            "5CFd2fd1755d40ecb72977518be15d3b".to_owned().into(),
        );
        for (channel, id, role, issued_at, lasts, salt, published) in PUBLISHED {
            let grant = Grant {
                channel: ChannelId::parse(channel).expect("a channel"),
                uid: Uid::of(&user(id)),
                role,
                issued_at: Timestamp::from_millis(issued_at * 1_000 + 999),
                lasts: Duration::from_secs(lasts),
            };
            let token = agora.token(&grant, salt);
            // Two implementations of zlib may compress differently; the uncompressed bytes are the same.
            assert_eq!(unpacked(&token), unpacked(published), "{token}");
            assert_eq!(
                grant.expires_at().as_millis(),
                (issued_at + i64::try_from(lasts).expect("small")) * 1_000
            );
        }
    }

    fn unpacked(token: &str) -> Vec<u8> {
        let packed = token.strip_prefix(VERSION).expect("the version");
        let packed = STANDARD.decode(packed).expect("base64");
        let mut content = Vec::new();
        let read = ZlibDecoder::new(packed.as_slice()).read_to_end(&mut content);
        read.expect("zlib");
        content
    }

    #[test]
    fn uid_is_a_numeric_id_or_a_stable_hash() {
        for (id, uid) in [
            ("1", 1),
            ("2882341273", 2_882_341_273),
            ("4294967295", u32::MAX),
        ] {
            assert_eq!(Uid::of(&user(id)).get(), uid);
        }
        // The first 32 bits of SHA-256("abc") are in FIPS 180-2, appendix B.1.
        assert_eq!(Uid::of(&user("abc")).get(), 0xba78_16bf);
        for id in [
            "0",
            "007",
            "7.0",
            "-7",
            "4294967296",
            "99999999999999999999",
        ] {
            assert_eq!(Uid::of(&user(id)).get(), hash(id), "{id}");
        }
    }
}
