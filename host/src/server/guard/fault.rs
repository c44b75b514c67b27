//! What the guard refuses, and the status each is answered with.

use http::StatusCode;

/// Why a connection is not read any further.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The head of a request is refused: it gets an answer.
    #[error(transparent)]
    Head(#[from] HeadFault),
    /// The framing of a body is broken: the request it belongs to may have been
    /// answered already, so nobody else answers.
    #[error(transparent)]
    Body(#[from] BodyFault),
}

/// What is wrong with the head of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum HeadFault {
    /// RFC 9112, section 2.2: a recipient may take it for a line end, and recipients
    /// that disagree about it see different requests.
    #[error("a line ends with a line feed alone")]
    BareLineFeed,
    /// RFC 9112, section 3.
    #[error("the request line is not method, target and version with a space between")]
    RequestLine,
    /// RFC 9110, section 9.1.
    #[error("the method is not a token")]
    Method,
    /// RFC 9112, section 3.2; a fragment and raw characters such as `"`, `\\` or `é` are in no URI.
    #[error("the target is not a path with a query, `*` or a URI of http or https with a host")]
    Target,
    /// A tunnel would end the framing (RFC 9110, section 9.3.6).
    #[error("CONNECT is not supported")]
    Connect,
    /// RFC 9110, section 15.6.6.
    #[error("the version is neither HTTP/1.0 nor HTTP/1.1")]
    Version,
    /// RFC 9112, section 3: see [`request_line_bytes`](super::HeadLimits::request_line_bytes).
    #[error("the request line is too long")]
    RequestLineTooLong,
    /// RFC 6585, section 5.
    #[error("the head is too long")]
    HeadTooLong,
    /// RFC 6585, section 5.
    #[error("the head has too many fields")]
    TooManyFields,
    /// RFC 9112, section 5.2.
    #[error("a field is folded over several lines")]
    Folded,
    /// RFC 9110, section 5.1; a space before the colon is one too (RFC 9112, section 5.1).
    #[error("a field's name is not a token with a colon after it")]
    FieldName,
    /// RFC 9110, section 5.5.
    #[error("a field's value has a control character")]
    FieldValue,
    /// RFC 9110, section 8.6.
    #[error("Content-Length is not a number")]
    ContentLength,
    /// RFC 9112, section 6.3; identical ones are refused too.
    #[error("there is more than one Content-Length")]
    ContentLengths,
    /// RFC 9112, section 6.1.
    #[error("there are both Content-Length and Transfer-Encoding")]
    TwoFramings,
    /// RFC 9112, section 6.1.
    #[error("HTTP/1.0 has no Transfer-Encoding")]
    TransferEncodingInHttp10,
    /// RFC 9112, section 6.1: `chunked` once, last, and without parameters.
    #[error("Transfer-Encoding is malformed")]
    TransferEncoding,
    /// RFC 9112, section 6.1.
    #[error("a transfer coding other than chunked is not supported")]
    UnknownCoding,
    /// RFC 9110, section 15.5.9.
    #[error("the head took longer than head_timeout")]
    Timeout,
}

impl HeadFault {
    /// The status of the answer.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Timeout => StatusCode::REQUEST_TIMEOUT,
            Self::RequestLineTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLong | Self::TooManyFields => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::UnknownCoding => StatusCode::NOT_IMPLEMENTED,
            // Such a request line is well-formed, so 400 would be wrong.
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}

/// What is wrong with a chunked body (RFC 9112, section 7.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BodyFault {
    /// Not 1 to 16 hexadecimal digits.
    #[error("a chunk's size is malformed")]
    ChunkSize,
    /// Not CRLF, be it a line feed alone.
    #[error("a chunk's size or its data does not end with CRLF")]
    ChunkEnd,
    /// Not `;name` or `;name=value`, with a token or a quoted string for its value.
    #[error("a chunk's extension is malformed")]
    ChunkExtension,
    /// More of them than anybody needs.
    #[error("the chunks' extensions are too long")]
    ChunkExtensions,
    /// What a head may not have either.
    #[error("a trailer is malformed")]
    Trailer,
    /// Too many, or too long.
    #[error("the trailers are too long")]
    Trailers,
}
