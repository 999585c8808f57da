//! GraphQL over HTTP as browsers and proxies use it: CORS, compression, slow and odd requests.

use std::time::{Duration, Instant};

use e2e::{Gavel, Socket};
use gavel_server::limits;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

const SHOP: &str = "https://shop.example";
/// Headers that front-end libraries add.
const LIBRARIES: &str = "authorization,content-type,sentry-trace,baggage,tracestate,x-amz-user-agent,\
                         apollographql-client-name,apollo-require-preflight,x-apollo-operation-name";

async fn preflight(gavel: &Gavel, origin: &str) -> reqwest::Response {
    let client = reqwest::Client::new();
    client
        .request(reqwest::Method::OPTIONS, format!("{}/graphql", gavel.base))
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", LIBRARIES)
        .send()
        .await
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pages_that_are_named_may_read_answers() {
    let gavel = Gavel::with(&["--allow-origin", SHOP]).await;
    let allowed = preflight(&gavel, SHOP).await;
    let headers = allowed.headers();
    assert_eq!(headers["access-control-allow-origin"], SHOP);
    assert_eq!(headers["access-control-allow-headers"], LIBRARIES);
    assert!(!headers.contains_key("access-control-allow-credentials"));
    let other = preflight(&gavel, "https://evil.example").await;
    assert!(!other.headers().contains_key("access-control-allow-origin"));
    gavel.stop().await.unwrap();
    let gavel = Gavel::start().await;
    let unnamed = preflight(&gavel, SHOP).await;
    assert!(!unnamed.headers().contains_key("access-control-allow-origin"));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_needs_no_preflight_changes_nothing() {
    let gavel = Gavel::start().await;
    let id = gavel.auction(json!({})).await;
    let token = gavel.token("seller", &["seller"]);
    let bearer = format!("Bearer {token}");
    let cancel = format!("mutation {{ cancelAuction(id: \"{id}\") {{ id }} }}");
    let body = json!({ "query": cancel }).to_string();
    for media in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonp",
        "",
    ] {
        let headers = [("content-type", media), ("authorization", bearer.as_str())];
        assert_eq!(gavel.post(body.clone(), &headers).await.0, 415, "{media:?}");
    }
    let url = reqwest::Url::parse_with_params(
        &format!("{}/graphql", gavel.base),
        [("query", cancel.as_str())],
    )
    .unwrap();
    let by_get = reqwest::Client::new().get(url).header("authorization", &bearer).send().await;
    assert_eq!(by_get.unwrap().status(), 405);
    assert_eq!(gavel.look(None, &id, "status").await["status"], "OPEN");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn large_answers_are_compressed_for_those_who_take_it() {
    let gavel = Gavel::start().await;
    let body = json!({ "query": "{ __schema { types { name description } } }" }).to_string();
    for (accepted, expected) in [("gzip", Some("gzip")), ("identity", None)] {
        let response = reqwest::Client::new()
            .post(format!("{}/graphql", gavel.base))
            .header("content-type", "application/json")
            .header("accept-encoding", accepted)
            .body(body.clone())
            .send()
            .await
            .unwrap();
        let encoding = response.headers().get("content-encoding");
        assert_eq!(encoding.map(|value| value.to_str().unwrap()), expected);
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn several_requests_in_one_body_are_refused() {
    let gavel = Gavel::start().await;
    let one = json!({ "query": "{ serverTime }" });
    let body = json!([one, one]).to_string();
    let (status, response) = gavel.post(body, &[("content-type", "application/json")]).await;
    assert_eq!((status, e2e::code(&response["errors"][0])), (400, "BAD_REQUEST"));
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_switched_off_is_off() {
    let off = ["--introspection", "off", "--playground", "off", "--page", "off"];
    let gavel = Gavel::with(&off).await;
    for query in ["{ __schema { types { name } } }", "{ __type(name: \"Bid\") { name } }"] {
        let response = gavel.graphql(None, query, json!({})).await;
        assert_eq!(e2e::code(&response["errors"][0]), "FORBIDDEN", "{response}");
    }
    let named = gavel.graphql(None, "{ serverTime __typename }", json!({})).await;
    assert_eq!(named["data"]["__typename"], "Query");
    let page = reqwest::Client::new()
        .get(format!("{}/graphql", gavel.base))
        .header("accept", "text/html")
        .send()
        .await
        .unwrap();
    assert_eq!(page.status(), 406);
    assert!(!gavel.ready.has_playground && !gavel.ready.has_page, "what is off is not announced");
    for path in ["/page/main.js", "/page/session.json"] {
        assert_eq!(gavel.get(path).await.0, 404, "{path}");
    }
    let (status, index) = gavel.get("/").await;
    assert!(status == 200 && index.contains("/graphql/ws"), "{status} {index}");
    gavel.stop().await.unwrap();
    let gavel = Gavel::with(&["--page", "off"]).await;
    let page = reqwest::Client::new().get(&gavel.base).header("accept", "text/html").send().await;
    let page = page.unwrap().text().await.unwrap();
    assert!(page.contains("graphiql") && gavel.ready.has_playground, "{page}");
    assert!(gavel.get("/").await.1.contains("/graphql/ws"), "no browser");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_for_bidders_is_served_by_the_service_itself_and_runs_nothing_else() {
    let gavel = Gavel::start().await;
    let client = reqwest::Client::new();
    let page = client.get(&gavel.base).header("accept", "text/html").send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let text = page.text().await.unwrap();
    let mut files = 0;
    for path in
        text.split(['"']).filter(|part| part.starts_with("/page/") || part.starts_with("/clients/"))
    {
        let url = format!("{}{path}", gavel.base);
        let file = client.get(&url).send().await.unwrap();
        assert_eq!(file.status(), 200, "{path}");
        let tag = file.headers()["etag"].clone();
        let again = client.get(&url).header("if-none-match", tag).send().await.unwrap();
        assert_eq!(again.status(), 304, "{path} is kept by browsers");
        files += 1;
    }
    assert!(files > 30, "{files} files");
    // This service's secret was chosen, so that its tokens are worth something.
    let (status, session) = gavel.get("/page/session.json").await;
    assert_eq!((status, session.as_str()), (200, r#"{"bidders":[]}"#));
    assert!(gavel.ready.has_page);
    gavel.stop().await.unwrap();
}

/// Sends a beginning, then a byte now and then; returns how long the server puts up with it.
async fn drip(gavel: &Gavel, beginning: &str) -> (Duration, String) {
    let address = gavel.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(beginning.as_bytes()).await.unwrap();
    let (mut reading, mut writing) = stream.into_split();
    let began = Instant::now();
    let dripping = async {
        loop {
            tokio::time::sleep(Duration::from_millis(200)).await;
            if writing.write_all(b"x").await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    let mut answer = Vec::new();
    let ended = async {
        tokio::select! {
            ended = reading.read_to_end(&mut answer) => { ended.ok(); }
            () = dripping => {}
        }
    };
    timeout(Duration::from_secs(30), ended).await.expect("the server ends it");
    (began.elapsed(), String::from_utf8_lossy(&answer).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_never_end_are_ended_and_others_are_served_meanwhile() {
    let gavel = Gavel::start().await;
    let slack = Duration::from_secs(5);
    let head = "GET /graphql/ws HTTP/1.1\r\nhost: x\r\nx-slow: ";
    let body = "POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 100000\r\nconnection: close\r\n\r\n{";
    let others = async {
        for _ in 0..20 {
            let asked = Instant::now();
            let response = gavel.graphql(None, "{ serverTime }", json!({})).await;
            assert!(response["data"]["serverTime"].is_string());
            assert!(asked.elapsed() < Duration::from_secs(2));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let ((in_head, _), (in_body, answer), ()) =
        tokio::join!(drip(&gavel, head), drip(&gavel, body), others);
    assert!(in_head < limits::HTTP_HEAD_TIMEOUT + slack, "{in_head:?}");
    assert!(in_body < limits::HTTP_BODY_TIMEOUT + slack, "{in_body:?}");
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("BAD_REQUEST"), "{answer}");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_origin_cannot_open_a_socket() {
    let gavel = Gavel::with(&["--allow-origin", SHOP]).await;
    for (origin, expected) in [
        ("https://evil.example".to_owned(), Some(403)),
        ("null".to_owned(), Some(403)),
        (SHOP.to_owned(), None),
        (gavel.base.clone(), None),
    ] {
        let opened = Socket::try_open(&gavel.base, &[("origin", &origin)]).await;
        assert_eq!(opened.err(), expected, "{origin}");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_is_kept_by_a_cache() {
    let gavel = Gavel::start().await;
    let client = reqwest::Client::new();
    let url = format!("{}/graphql", gavel.base);
    let query = reqwest::Url::parse_with_params(&url, [("query", "{ serverTime }")]).unwrap();
    let post = |body: &'static str| {
        client.post(&url).header("content-type", "application/json").body(body)
    };
    for (what, request) in [
        ("a query by GET", client.get(query)),
        ("a query by POST", post(r#"{"query":"{ serverTime }"}"#)),
        ("a bad request", post("{")),
        ("the playground", client.get(&url).header("accept", "text/html")),
        ("a socket that is none", client.get(format!("{url}/ws"))),
    ] {
        let response = request.send().await.unwrap();
        assert_eq!(response.headers()["cache-control"], "no-store", "{what}");
        let vary = response.headers().get_all("vary").iter();
        let vary: Vec<_> = vary.map(|value| value.to_str().unwrap().to_lowercase()).collect();
        assert!(vary.join(",").contains("authorization"), "{what}: {vary:?}");
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persisted_query_is_answered_so_that_clients_send_the_document() {
    let gavel = Gavel::start().await;
    let extensions = json!({ "persistedQuery": { "version": 1, "sha256Hash": "0" } });
    let body = json!({ "operationName": "A", "variables": {}, "extensions": extensions });
    let is_told = |response: &serde_json::Value| {
        let error = &response["errors"][0];
        assert_eq!(error["message"], "PersistedQueryNotSupported");
        assert_eq!(e2e::code(error), "PERSISTED_QUERY_NOT_SUPPORTED");
    };
    for (accept, expected) in
        [("application/json", 200), ("application/graphql-response+json", 400)]
    {
        let headers = [("content-type", "application/json"), ("accept", accept)];
        let (status, response) = gavel.post(body.to_string(), &headers).await;
        assert_eq!(status, expected, "{accept}");
        is_told(&response);
    }
    let url = reqwest::Url::parse_with_params(
        &format!("{}/graphql", gavel.base),
        [("operationName", "A"), ("variables", "{}"), ("extensions", &extensions.to_string())],
    );
    is_told(&reqwest::get(url.unwrap()).await.unwrap().json().await.unwrap());
    let mut with_document = body;
    with_document["query"] = json!("query A { serverTime }");
    let json = [("content-type", "application/json")];
    let (_, response) = gavel.post(with_document.to_string(), &json).await;
    assert!(response["data"]["serverTime"].is_string(), "{response}");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_read_as_the_specification_writes_them() {
    let gavel = Gavel::start().await;
    let json = [("content-type", "application/json")];
    let token = gavel.token("seller", &["seller"]);
    let (_, marked) =
        gavel.post("\u{feff}{\"query\":\"\u{feff}{ serverTime }\"}".into(), &json).await;
    assert!(marked["data"]["serverTime"].is_string(), "{marked}");
    for escaped in [r"\uD83D\uDE00", r"\u{1F600}", "😀"] {
        let query = format!(
            "mutation {{\r createAuction(input: {{ title: \"{escaped}\", currency: \"EUR\", \
             openingPrice: \"1\", minimumIncrement: \"1\", endsAt: \"{}\" }}) {{ title }} }}",
            e2e::gavel::from_now(Duration::from_secs(60)),
        );
        let made = gavel.graphql(Some(&token), &query, json!({})).await;
        assert_eq!(made["data"]["createAuction"]["title"], "😀", "{made}");
    }
    // A line is one whatever ends it.
    let bad = gavel.graphql(None, "{\r serverTime\r nothing }", json!({})).await;
    assert_eq!(bad["errors"][0]["locations"][0]["line"], 3, "{bad}");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_that_is_nowhere_in_the_document_has_no_location() {
    let gavel = Gavel::start().await;
    let json = ("content-type", "application/json");
    let query = r#"{"query":"{ serverTime }"}"#.to_owned();
    for (body, headers) in [
        (query.clone(), vec![json, ("authorization", "Bearer x")]),
        (query.clone(), vec![json, ("authorization", "Bearer x"), ("authorization", "Bearer y")]),
        (
            r#"{"query":"subscription { bidCreated(auctionId: \"x\") { id } }"}"#.to_owned(),
            vec![json],
        ),
        (r#"{"query":"query A { a } query B { b }"}"#.to_owned(), vec![json]),
    ] {
        let (_, response) = gavel.post(body, &headers).await;
        let error = &response["errors"][0];
        assert!(error["message"].is_string(), "{response}");
        assert!(!response.to_string().contains("\"line\":0"), "{response}");
    }
    let mut socket = gavel.socket(None).await;
    let nobody = "subscription { bidCreated(auctionId: \"a0000000000000000000z\") { id } }";
    socket.subscribe("1", nobody, json!({})).await;
    let error = socket.error("1").await;
    assert!(!error.to_string().contains("\"line\":0"), "{error}");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_tokens_none_is_passed_over() {
    let gavel = Gavel::start().await;
    let good = format!("Bearer {}", gavel.token("ann", &["bidder"]));
    let me = json!({ "query": "{ me { id } }" }).to_string();
    let json = ("content-type", "application/json");
    for tokens in [[&*good, "Bearer a.b.c"], ["Bearer a.b.c", &good], [&good, &good]] {
        let headers = [json, ("authorization", tokens[0]), ("authorization", tokens[1])];
        let (status, response) = gavel.post(me.clone(), &headers).await;
        assert_eq!((status, e2e::code(&response["errors"][0])), (401, "UNAUTHENTICATED"));
        let upgrade = [("authorization", tokens[0])];
        assert!(Socket::try_open(&gavel.base, &upgrade).await.is_ok(), "its init is to tell");
    }
    let bare = good.strip_prefix("Bearer ").unwrap();
    let (_, response) = gavel.post(me, &[json, ("authorization", bare)]).await;
    assert_eq!(response["data"]["me"]["id"], "ann", "{response}");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_has_said_all_gets_its_answer() {
    let gavel = Gavel::start().await;
    let address = gavel.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let body = r#"{"query":"{ serverTime }"}"#;
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: \
         {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    timeout(Duration::from_secs(20), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("serverTime"), "{answer}");
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_rests_for_longer_than_a_head_may_take_is_still_served() {
    let gavel = Gavel::start().await;
    let address = gavel.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    for round in 0..2 {
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut some = [0; 1024];
        let read = timeout(Duration::from_secs(20), stream.read(&mut some)).await.unwrap().unwrap();
        assert!(some[..read].starts_with(b"HTTP/1.1 200"), "round {round}");
        if round == 0 {
            tokio::time::sleep(limits::HTTP_HEAD_TIMEOUT + Duration::from_secs(3)).await;
        }
    }
    gavel.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_variable_that_is_not_sent_has_its_default_in_directives_too() {
    let gavel = Gavel::start().await;
    let query = "query($more: Boolean = true) { serverTime @include(if: $more) a: serverTime @skip(if: $more) }";
    for (variables, shown) in [
        (json!({}), "serverTime"),
        (json!({ "more": true }), "serverTime"),
        (json!({ "more": false }), "a"),
    ] {
        let response = gavel.graphql(None, query, variables).await;
        let data = response["data"].as_object().unwrap();
        assert!(data.len() == 1 && data.contains_key(shown), "{response}");
    }
    gavel.stop().await.unwrap();
}
