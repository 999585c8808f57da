//! Nothing: its dependencies are what it is for.

use crc32fast as _;
use either as _;
use futures_io as _;
use getrandom as _;
use hashbrown as _;
use hyper_util as _;
use libc as _;
use mio as _;
use num_traits as _;
use rand_chacha as _;
use rustix as _;
use tokio as _;
use tokio_stream as _;
use tokio_tungstenite as _;
use tokio_util as _;
use tonic as _;
use uuid as _;
use zerocopy as _;
