//! The raw bytes of mails, compressed, many mails to a block.
//!
//! In: raw mails, alone or packed together by the thread that read them. Out: their kept bytes, a block at a
//! time. It does not know what became of a mail.

use super::{Doing, Error, Store, Tx};
use crate::mail::RawMail;
use rusqlite::OptionalExtension;
use std::cell::RefCell;
use std::io::{self, Read};
use std::sync::Arc;
use zstd::zstd_safe::CParameter;

/// Plain bytes per stored chunk of a raw mail.
pub const CHUNK: usize = 1 << 20;
/// zstd level of raw mails: negative levels trade size for speed; a mail arrives once and is read seldom.
const LEVEL: i32 = -3;
/// A mail that comes alone, up to this many bytes, is matched through a table of 2^12 entries: the level's own,
/// larger one costs one mail more to make than it saves.
const SMALL: usize = 16 << 10;
const SMALL_HASH_LOG: u32 = 12;

/// Where the kept bytes of a mail begin.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RawPlace {
    pub block: i64,
    pub at: u64,
}

thread_local! {
    /// A compression context costs more to make than a mail to compress: one per thread.
    static PACKER: RefCell<Option<zstd::bulk::Compressor<'static>>> = const { RefCell::new(None) };
}

fn compress(bytes: &[u8]) -> io::Result<Vec<u8>> {
    PACKER.with_borrow_mut(|packer| {
        let packer = match packer {
            Some(packer) => packer,
            None => packer.insert(zstd::bulk::Compressor::new(LEVEL)?),
        };
        // 0: what the level says.
        packer.set_parameter(CParameter::HashLog(if bytes.len() > SMALL { 0 } else { SMALL_HASH_LOG }))?;
        packer.compress(bytes)
    })
}

/// Raw mails compressed together, ready to be stored as one block, and where in it a mail begins.
#[derive(Debug, Clone)]
pub struct Packed {
    block: Arc<[u8]>,
    at: u64,
}

/// Compresses mails that are held in memory into one block. None for those that wait in a file or fill a
/// block by themselves: they are stored piece by piece.
pub fn pack(mails: &[&RawMail]) -> Vec<Option<Packed>> {
    let mut plain = Vec::new();
    let begins: Vec<Option<u64>> = mails
        .iter()
        .map(|raw| {
            let fits = raw.spill.is_none() && plain.len() + raw.head.len() <= CHUNK;
            fits.then(|| {
                let at = plain.len() as u64;
                plain.extend_from_slice(&raw.head);
                at
            })
        })
        .collect();
    match compress(&plain) {
        Ok(block) => {
            let block: Arc<[u8]> = block.into();
            begins.into_iter().map(|at| at.map(|at| Packed { block: Arc::clone(&block), at })).collect()
        }
        Err(_) => vec![None; mails.len()],
    }
}

impl Tx<'_> {
    /// Stores the raw bytes of a mail, `packed` where [`pack`] made them; a shared block is stored once.
    pub fn insert_raw(&self, raw: &RawMail, packed: Option<&Packed>) -> Result<RawPlace, Error> {
        if let Some(packed) = packed {
            let mut last = self.block.borrow_mut();
            if let Some((block, id)) = &*last
                && Arc::ptr_eq(block, &packed.block)
            {
                return Ok(RawPlace { block: *id, at: packed.at });
            }
            let id = self.insert_block(&packed.block)?;
            *last = Some((Arc::clone(&packed.block), id));
            return Ok(RawPlace { block: id, at: packed.at });
        }
        let failed = || super::io_error("read the raw mail from", self.store.folder());
        let mut first = None;
        for chunk in raw.chunks(CHUNK).map_err(failed())? {
            let data = chunk.and_then(|c| compress(&c)).map_err(failed())?;
            let id = self.insert_block(&data)?;
            first.get_or_insert(id);
        }
        Ok(RawPlace { block: first.unwrap_or(0), at: 0 })
    }

    fn insert_block(&self, data: &[u8]) -> Result<i64, Error> {
        self.db()
            .prepare_cached("INSERT INTO raw(data) VALUES(?1)")
            .and_then(|mut s| s.insert([data]))
            .doing("store the raw mail")
    }
}

impl Store {
    /// The kept bytes of a mail; none where it keeps none.
    pub fn raw(&self, mail: i64) -> Result<RawReader<'_>, Error> {
        let place: Option<(i64, i64, i64)> = self
            .connection
            .prepare_cached("SELECT block,at,kept FROM mail WHERE id=?1")
            .and_then(|mut s| s.query_row([mail], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?))).optional())
            .doing("find a raw mail")?;
        let (next, skip, left) = place.unwrap_or_default();
        Ok(RawReader {
            store: self,
            next,
            skip: skip as u64,
            left: left as u64,
            rest: io::Cursor::new(Vec::new()),
        })
    }
}

/// Reads the kept bytes of a mail, a block at a time.
#[derive(Debug)]
pub struct RawReader<'a> {
    store: &'a Store,
    next: i64,
    /// Bytes of the next block that belong to other mails.
    skip: u64,
    left: u64,
    rest: io::Cursor<Vec<u8>>,
}

impl Read for RawReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let wanted = (into.len() as u64).min(self.left) as usize;
        if wanted == 0 {
            return Ok(0);
        }
        loop {
            let n = self.rest.read(&mut into[..wanted])?;
            if n > 0 {
                self.left -= n as u64;
                return Ok(n);
            }
            let data: Option<Vec<u8>> = self
                .store
                .connection
                .prepare_cached("SELECT data FROM raw WHERE id=?1")
                .and_then(|mut s| s.query_row([self.next], |r| r.get(0)).optional())
                .map_err(io::Error::other)?;
            let data =
                data.ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "a raw mail is not whole"))?;
            self.rest = io::Cursor::new(zstd::bulk::decompress(&data, CHUNK)?);
            self.rest.set_position(std::mem::take(&mut self.skip));
            self.next += 1;
        }
    }
}
