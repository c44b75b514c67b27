//! Calls that wait in every way there is, each with a destructor that counts: who leaves
//! one is noticed by it, and by nobody else. And tasks that outlive their response.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::time::Duration;

use futures_channel::mpsc;
use http_body_util::BodyExt as _;
use patchboard::stream::StreamExt as _;
use patchboard::{
    Body, Bytes, ClientAddress, Path, Query, Request, client, future, get, post, spawn, sql, stream, time,
};

thread_local! {
    /// Where a call waited when it was dropped, and how often.
    static LEFT: RefCell<BTreeMap<String, u32>> = const { RefCell::new(BTreeMap::new()) };
    static ENDED: Cell<u32> = const { Cell::new(0) };
    static LISTENERS: RefCell<Vec<mpsc::UnboundedSender<Bytes>>> = const { RefCell::new(Vec::new()) };
    /// Tells this instance from others: how many calls it has had.
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

/// Counts where it is dropped.
struct Guard(&'static str);

impl Drop for Guard {
    fn drop(&mut self) {
        LEFT.with_borrow_mut(|left| *left.entry(self.0.to_owned()).or_default() += 1);
    }
}

/// Waits for ever in the way that `stage` says.
#[get("/leaving/{stage}")]
async fn leave(Path(stage): Path<String>) -> Body {
    CALLS.set(CALLS.get() + 1);
    match stage.as_str() {
        "head" => {
            let _guard = Guard("head");
            future::pending().await
        }
        "sleep" => {
            let _guard = Guard("sleep");
            time::sleep(Duration::from_secs(3600)).await;
            Body::empty()
        }
        "channel" => {
            let (sender, receiver) = mpsc::unbounded();
            LISTENERS.with_borrow_mut(|listeners| listeners.push(sender));
            let guard = Guard("channel");
            let first = stream::once(async { Bytes::from_static(b": here\n\n") });
            Body::from_stream(first.chain(receiver).map(move |event| {
                let _kept = &guard;
                Ok::<_, Infallible>(event)
            }))
        }
        "stream" => {
            let guard = Guard("stream");
            let chunks = stream::repeat(Bytes::from_static(&[b'x'; 16 << 10]));
            Body::from_stream(chunks.map(move |chunk| {
                let _kept = &guard;
                Ok::<_, Infallible>(chunk)
            }))
        }
        "sql" => {
            let _guard = Guard("sql");
            // One has the writer, and all others wait for it.
            let database = sql::open("notes");
            let transaction = match &database {
                Ok(database) => database.begin().await,
                Err(_) => return Body::empty(),
            };
            future::pending::<()>().await;
            drop(transaction);
            Body::empty()
        }
        "outbound" => {
            let _guard = Guard("outbound");
            client::get("http://self/leaving/head").send().await.ok();
            Body::empty()
        }
        "task" => {
            let _guard = Guard("task");
            let task = async {
                time::sleep(Duration::from_millis(300)).await;
                ENDED.set(ENDED.get() + 1);
            };
            spawn("count", task).ok();
            future::pending().await
        }
        _ => Body::empty(),
    }
}

/// Waits for a body that does not come.
#[post("/leaving/body")]
async fn body(request: Request) -> String {
    CALLS.set(CALLS.get() + 1);
    let _guard = Guard("body");
    request.into_body().into_data_stream().count().await.to_string()
}

/// Sends an event to all who listen; gives how many that were.
#[post("/tell")]
async fn tell() -> String {
    tell_all("x")
}

/// Likewise, with this as its data.
#[post("/tell/{data}")]
async fn tell_this(Path(data): Path<String>) -> String {
    tell_all(&data)
}

fn tell_all(data: &str) -> String {
    let event = Bytes::from(format!("data: {data}\n\n"));
    LISTENERS.with_borrow_mut(|listeners| {
        listeners.retain(|listener| listener.unbounded_send(event.clone()).is_ok());
        listeners.len().to_string()
    })
}

/// What was left where, how many tasks have ended, and how many calls this instance has had.
#[get("/counts")]
async fn counts() -> String {
    let left = LEFT.with_borrow(|left| left.iter().map(|(at, n)| format!("{at}={n} ")).collect::<String>());
    format!("{left}ended={} calls={}", ENDED.get(), CALLS.get())
}

/// Answers at once, and goes on with a task of this kind.
#[get("/after/{kind}")]
async fn after(Path(kind): Path<String>) -> String {
    let done = match kind.as_str() {
        "ends" => spawn("ends", async {
            time::sleep(Duration::from_millis(100)).await;
            patchboard::tracing::info!("the task says so");
            ENDED.set(ENDED.get() + 1);
        }),
        "fails" => spawn("fails", async {
            time::sleep(Duration::from_millis(20)).await;
            Err::<(), _>("the other side does not answer\nand this is another line")
        }),
        "waits" => spawn("waits", async {
            let _guard = Guard("after");
            future::pending::<()>().await;
        }),
        "uploads" => spawn("uploads", async {
            let upload = client::post("http://self/leaving/body").body(vec![b'x'; 300 << 10]);
            upload.send().await?.error_for_status()?;
            ENDED.set(ENDED.get() + 1);
            Ok::<_, client::Error>(())
        }),
        "left" => {
            let task = async {
                time::sleep(Duration::from_millis(300)).await;
                client::get("http://self/client").send().await?.error_for_status()?;
                ENDED.set(ENDED.get() + 1);
                Ok::<_, client::Error>(())
            };
            spawn("left", task).ok();
            future::pending().await
        }
        "panics" => spawn("panics", async {
            time::sleep(Duration::from_millis(20)).await;
            assert!(ENDED.get() == u32::MAX, "in a task");
        }),
        _ => Ok(()),
    };
    match done {
        Ok(()) => "begun".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// A stream that goes on until the instance is to end.
#[get("/until-draining")]
async fn until_draining() -> Body {
    let first = stream::once(async { Ok::<_, Infallible>(Bytes::from_static(b"begun\n")) });
    let last = stream::once(async {
        patchboard::draining().await;
        Ok(Bytes::from_static(b"ended\n"))
    });
    Body::from_stream(first.chain(last))
}

/// What comes of a request to the URL in the query: its text and trailers, or what kind of
/// failure it was.
#[get("/fetch")]
async fn fetch(Query(query): Query<BTreeMap<String, String>>) -> String {
    let url = query.get("url").map(String::as_str).unwrap_or_default();
    let request =
        client::get(url).connect_timeout(Duration::from_secs(2)).read_timeout(Duration::from_millis(200));
    let response = match request.timeout(Duration::from_secs(1)).send().await {
        Ok(response) => response,
        Err(error) => return format!("{:?}", error.kind()),
    };
    let (status, mut body) = (response.status(), response.into_body());
    let mut said = status.as_u16().to_string();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) if frame.is_data() => {
                said += &frame
                    .data_ref()
                    .map(|data| format!(" {}", String::from_utf8_lossy(data)))
                    .unwrap_or_default();
            }
            Ok(frame) => {
                said += &frame.trailers_ref().map(|fields| format!(" {fields:?}")).unwrap_or_default()
            }
            Err(error) => said += &format!(" failed: {error}"),
        }
    }
    said
}

/// Who asks, by which protocol.
#[get("/client")]
async fn who(client: Option<ClientAddress>, request: Request) -> String {
    let client =
        client.map_or_else(|| "nobody".to_owned(), |client| format!("{} {:?}", client.ip(), client.port()));
    format!("{client} {:?}", request.version())
}
