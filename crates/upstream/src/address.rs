//! A URL taken apart into what is used, what is shown and what is hidden.

use std::path::PathBuf;

use alloy_transport::Authorization;
use http::HeaderValue;
use percent_encoding::percent_decode_str;
use url::Url;

use crate::{EndpointError, secrets::Secrets};

/// What an endpoint's text means.
pub(crate) enum Address {
    /// A URL of http, https, ws or wss.
    Remote(Remote),
    /// The path of a socket of this machine.
    Ipc(PathBuf),
}

/// A URL without its credentials, and the credentials.
#[derive(Clone)]
pub(crate) struct Remote {
    /// With path and query, which may be an API key; without user-info.
    pub url: Url,
    /// Scheme, host and port: all that is ever shown.
    pub name: String,
    /// Basic, from the URL's user-info.
    pub authorization: Option<HeaderValue>,
    pub secrets: Secrets,
}

impl Address {
    pub(crate) fn parse(text: &str) -> Result<Self, EndpointError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(EndpointError::Empty);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            let path = text.starts_with(['/', '.']) || text.ends_with(".ipc");
            return if path { Ok(Self::Ipc(text.into())) } else { Err(EndpointError::NoScheme) };
        };
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" | "ws" | "wss" => Remote::parse(text).map(Self::Remote),
            "file" | "ipc" if rest.starts_with('/') => {
                Ok(Self::Ipc(percent_decode_str(rest).decode_utf8_lossy().into_owned().into()))
            }
            "file" | "ipc" => Err(EndpointError::Malformed("the path of an IPC socket must be absolute".into())),
            other if other.len() < 12 && other.chars().all(|c| c.is_ascii_alphanumeric()) => {
                Err(EndpointError::Scheme(other.into()))
            }
            _ => Err(EndpointError::NoScheme),
        }
    }
}

impl Remote {
    pub(crate) fn parse(text: &str) -> Result<Self, EndpointError> {
        let malformed = |why: &str| EndpointError::Malformed(why.into());
        let mut url = Url::parse(text).map_err(|e| malformed(&e.to_string()))?;
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let (user, password) = (url.username().to_owned(), url.password().unwrap_or_default().to_owned());
        let parts = [user.clone(), decoded(&user), password.clone(), decoded(&password)];
        let segments = url.path_segments().into_iter().flatten().map(str::to_owned);
        let query = url.query_pairs().map(|(_, value)| value.into_owned());
        let raw_query = url.query().map(str::to_owned);
        let mut secrets: Vec<String> = parts.into_iter().chain(segments).chain(query).chain(raw_query).collect();

        let mut authorization = None;
        if !user.is_empty() || !password.is_empty() {
            let basic = Authorization::basic(decoded(&user), decoded(&password)).to_string();
            secrets.extend(basic.split(' ').skip(1).map(str::to_owned));
            let mut value = HeaderValue::try_from(basic).map_err(|_| malformed("user or password"))?;
            value.set_sensitive(true);
            authorization = Some(value);
        }
        let host = url.host_str().ok_or_else(|| malformed("there is no host"))?;
        let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
        let name = format!("{}://{host}{port}", url.scheme());
        url.set_username("").and_then(|()| url.set_password(None)).map_err(|()| malformed("user or password"))?;
        url.set_fragment(None);
        Ok(Self { url, name, authorization, secrets: Secrets::new(secrets) })
    }
}
