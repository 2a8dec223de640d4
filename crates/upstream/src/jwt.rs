//! The JWT of the engine API: HS256 over `{"iat": now}`.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    time::{SystemTime, UNIX_EPOCH},
};

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use http::HeaderValue;
use ring::hmac;
use thiserror::Error;

/// `{"alg":"HS256","typ":"JWT"}` in base64url.
const HEADER: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9";

/// The 32 bytes that an execution client and its caller share. `Debug` does not show them.
#[derive(Clone)]
pub struct JwtSecret(hmac::Key);

/// Why there is no secret. No variant shows what was read.
#[derive(Debug, Error)]
pub enum JwtError {
    /// The file cannot be read.
    #[error("cannot read the JWT secret {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The text is not 32 bytes of hex.
    #[error("a JWT secret is 32 bytes as 64 hex digits, with or without 0x; this has {0}")]
    Format(String),
}

impl JwtSecret {
    /// Reads the file format of op-node and of the execution clients: 64 hex digits, `0x` optional, white space around.
    pub fn from_file(path: &Path) -> Result<Self, JwtError> {
        let text = fs::read(path).map_err(|source| JwtError::Read { path: path.into(), source })?;
        Self::parse(&String::from_utf8_lossy(&text))
    }

    /// Reads the text of such a file.
    pub fn parse(text: &str) -> Result<Self, JwtError> {
        let text = text.trim();
        let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).unwrap_or(text);
        if let Some(at) = digits.chars().position(|c| !c.is_ascii_hexdigit()) {
            return Err(JwtError::Format(format!("something else than a hex digit at position {}", at + 1)));
        }
        if digits.len() != 64 {
            return Err(JwtError::Format(format!("{} digits", digits.len())));
        }
        let nibbles: Vec<u8> = digits.chars().filter_map(|c| c.to_digit(16)).map(|n| n as u8).collect();
        let bytes: Vec<u8> = nibbles.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect();
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }

    /// A token issued at `now`. Execution clients take it for 60 s.
    pub fn token(&self, now: SystemTime) -> String {
        let iat = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let signed = format!("{HEADER}.{}", BASE64_URL_SAFE_NO_PAD.encode(format!(r#"{{"iat":{iat}}}"#)));
        let signature = BASE64_URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// The value of an `Authorization` header with a fresh token.
    pub(crate) fn header(&self) -> HeaderValue {
        let mut value = HeaderValue::try_from(format!("Bearer {}", self.token(SystemTime::now())))
            .expect("base64url and dots are header characters");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for JwtSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JwtSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_token_is_hs256_over_its_time() {
        // Made with another implementation: python's hmac over the same header and claims.
        let secret = JwtSecret::parse(&"ab".repeat(32)).unwrap();
        let token = secret.token(UNIX_EPOCH + Duration::from_millis(1_700_000_000_999));
        assert_eq!(
            token,
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpYXQiOjE3MDAwMDAwMDB9.ILD6C_SXwKNhCvebSXLJDwCYa2iZjSb05lH6gII16L8"
        );
        assert_eq!(BASE64_URL_SAFE_NO_PAD.decode(HEADER).unwrap(), br#"{"alg":"HS256","typ":"JWT"}"#);
        assert!(secret.header().is_sensitive());
    }
}
