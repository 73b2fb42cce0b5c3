use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A way to a server that can be cut, in the middle of a byte stream. It goes when it is dropped.
pub(crate) struct Proxy {
    /// Scheme, host and port.
    pub(crate) address: String,
    cuts: watch::Sender<usize>,
    open: Arc<AtomicUsize>,
    accepting: JoinHandle<()>,
}

impl Proxy {
    /// In front of a host and port.
    pub(crate) async fn before(host: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let (cuts, cut) = watch::channel(0);
        let open = Arc::new(AtomicUsize::new(0));
        let counted = open.clone();
        let accepting = tokio::spawn(async move {
            while let Ok((near, _)) = listener.accept().await {
                let (host, mut cut, open) = (host.clone(), cut.clone(), counted.clone());
                cut.mark_unchanged();
                tokio::spawn(async move {
                    open.fetch_add(1, Ordering::Relaxed);
                    tokio::select! {
                        _ = cut.changed() => {}
                        _ = carry(near, host) => {}
                    }
                    open.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Self { address, cuts, open, accepting }
    }

    /// Cuts every connection. Gives how many there were.
    pub(crate) fn cut(&self) -> usize {
        let open = self.open.load(Ordering::Relaxed);
        self.cuts.send_modify(|cuts| *cuts += 1);
        open
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Carries in small pieces, so that a cut leaves half a frame behind more often than not.
async fn carry(near: TcpStream, host: String) -> std::io::Result<()> {
    let far = TcpStream::connect(host).await?;
    let (mut near_in, mut near_out) = near.into_split();
    let (mut far_in, mut far_out) = far.into_split();
    let there = async { tokio::io::copy(&mut near_in, &mut far_out).await.map(drop) };
    let back = async {
        let mut piece = [0; 97];
        loop {
            let length = far_in.read(&mut piece).await?;
            if length == 0 {
                return near_out.shutdown().await;
            }
            near_out.write_all(&piece[..length]).await?;
        }
    };
    tokio::try_join!(there, back).map(drop)
}
