//! TLS on a connection, and what is spoken in it.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

use http::StatusCode;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::client::Client;
use super::guard::{Watch, refusal};
use super::phase::Phase;
use super::serving::Serving;
use super::{connection, http2};
use crate::dispatch::{Dispatch, Refused};
use crate::tls::{H2, Session};

/// The first byte of a handshake (RFC 8446, section 5.1).
const HANDSHAKE: u8 = 22;

/// Shakes hands, and serves the connection to its end.
pub(super) async fn serve(mut stream: TcpStream, peer: SocketAddr, watch: Rc<Watch>, mut serving: Serving) {
    let Some(tls) = serving.tls.load_full() else { return };
    // Until its first request it is nothing that another connection could not have the place of.
    watch.wait(false);
    let begun = Instant::now();
    let shake = async {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(1..) if first == [HANDSHAKE] => {
                TlsAcceptor::from(tls.config().clone()).accept(stream).await.map_err(Failure::Tls)
            }
            Ok(1..) => Err(Failure::Plain(stream)),
            Ok(0) => Err(Failure::Silent),
            Err(error) => Err(Failure::Tls(error)),
        }
    };
    let shaken = tokio::select! {
        shaken = tokio::time::timeout(tls.handshake_timeout(), shake) => shaken,
        // Nothing has been asked yet.
        _ = serving.phases.wait_for(|phase| *phase == Phase::Stopped) => return,
    };
    let stream = match shaken {
        Ok(Ok(stream)) => stream,
        Ok(Err(Failure::Silent)) => return,
        Ok(Err(Failure::Plain(plain))) => {
            stream = plain;
            return refuse_plain(&mut stream, peer, begun, &serving.dispatch).await;
        }
        Ok(Err(Failure::Tls(error))) => {
            tracing::debug!(%error, %peer, "TLS handshake failed");
            return;
        }
        Err(_) => {
            tracing::debug!(%peer, "the client did not shake hands within tls.handshake_timeout");
            return;
        }
    };
    let (_, shaken) = stream.get_ref();
    let is_http2 = shaken.alpn_protocol() == Some(H2);
    let client = Client::secure(peer, Session::of(shaken));
    match is_http2 {
        true => http2::serve((stream, client), watch, serving).await,
        false => connection::serve((stream, client), watch, serving).await,
    }
}

/// Why no TLS is spoken.
enum Failure {
    /// The client has closed the connection before.
    Silent,
    /// It speaks something else.
    Plain(TcpStream),
    Tls(std::io::Error),
}

/// Answers who speaks HTTP without TLS, as most do who speak anything else here.
async fn refuse_plain(stream: &mut TcpStream, peer: SocketAddr, begun: Instant, dispatch: &Dispatch) {
    let refused = Refused {
        status: StatusCode::BAD_REQUEST,
        detail: "this address speaks TLS: ask it by https://".to_owned(),
        is_shown: true,
        method: None,
        target: None,
        accept: None,
        begun,
    };
    refusal::answer(stream, dispatch.refuse(refused, peer), None).await;
    refusal::drain(stream).await;
}
