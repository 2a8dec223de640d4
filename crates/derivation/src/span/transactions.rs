//! The transactions of a span, put together from their columns.

use alloy_consensus::{
    SignableTransaction, Signed, TxEip1559, TxEip2930, TxEip7702, TxLegacy, transaction::RlpEcdsaEncodableTx,
};
use alloy_eips::eip7702::constants::EIP7702_TX_TYPE_ID;
use alloy_primitives::{Address, Bytes, Signature, TxKind, U256};
use alloy_rlp::{Decodable, Header};

use super::error::{MAX_ELEMENTS, SpanError};
use crate::{
    cursor::Cursor,
    rules::POST_EXEC,
    transaction::{BatchTransaction, TransactionKind},
};

/// What one transaction has in the columns.
struct Columns<'a> {
    to: TxKind,
    signature: Signature,
    /// Of a typed transaction the byte of its type, and the list that holds what no column does.
    kind: TransactionKind,
    list: &'a [u8],
    nonce: u64,
    gas: u64,
}

pub(super) fn decode(
    rest: &mut Cursor<'_>,
    count: usize,
    l2_chain_id: u64,
) -> Result<Vec<BatchTransaction>, SpanError> {
    let creations = rest.bits(count).ok_or(SpanError::Column("the creation bits"))?;
    let parities = rest.bits(count).ok_or(SpanError::Column("the parity bits"))?;
    // Everything that is reserved below is so much for each signature that is really there.
    let signatures = rest.take(64 * count).ok_or(SpanError::Column("the signatures"))?;
    let recipients = count - creations.ones();
    let mut recipients = Cursor(rest.take(20 * recipients).ok_or(SpanError::Column("the recipients"))?);

    let mut transactions = Vec::with_capacity(count);
    for (index, signature) in signatures.chunks_exact(64).enumerate() {
        let (r, s) = (U256::from_be_slice(&signature[..32]), U256::from_be_slice(&signature[32..]));
        let to = if creations.get(index) { TxKind::Create } else { TxKind::Call(next_recipient(&mut recipients)?) };
        let (kind, list) = data(rest, index)?;
        let signature = Signature::new(r, s, parities.get(index));
        transactions.push(Columns { to, signature, kind, list, nonce: 0, gas: 0 });
    }
    for transaction in &mut transactions {
        transaction.nonce = rest.uvarint().ok_or(SpanError::Column("a nonce"))?;
    }
    for transaction in &mut transactions {
        transaction.gas = rest.uvarint().ok_or(SpanError::Column("a gas limit"))?;
    }
    let legacy = transactions.iter().filter(|transaction| transaction.kind == TransactionKind::Legacy).count();
    let protected = rest.bits(legacy).ok_or(SpanError::Column("the bits of legacy transactions"))?;

    let mut legacy = 0;
    let put_together = |(index, transaction): (usize, Columns<'_>)| {
        let chain_id = match transaction.kind {
            TransactionKind::Legacy => {
                legacy += 1;
                protected.get(legacy - 1).then_some(l2_chain_id)
            }
            _ => Some(l2_chain_id),
        };
        transaction.put_together(index, chain_id)
    };
    transactions.into_iter().enumerate().map(put_together).collect()
}

fn next_recipient(recipients: &mut Cursor<'_>) -> Result<Address, SpanError> {
    recipients.array().map(Address::from).ok_or(SpanError::Column("the recipients"))
}

/// The type and the list of one transaction.
fn data<'a>(rest: &mut Cursor<'a>, index: usize) -> Result<(TransactionKind, &'a [u8]), SpanError> {
    let error = SpanError::Column("a transaction's data");
    let kind = match *rest.0.first().ok_or(error)? {
        byte @ ..=0x7f => {
            rest.byte();
            TransactionKind::Typed(byte)
        }
        _ => TransactionKind::Legacy,
    };
    let mut after = rest.0;
    let Ok(header) = Header::decode(&mut after) else { return Err(error) };
    let length = header.payload_length + (rest.0.len() - after.len());
    if !header.list {
        return Err(SpanError::Transaction(index));
    }
    if length as u64 > MAX_ELEMENTS {
        return Err(error);
    }
    Ok((kind, rest.take(length).ok_or(error)?))
}

impl Columns<'_> {
    fn put_together(&self, index: usize, chain_id: Option<u64>) -> Result<BatchTransaction, SpanError> {
        let encoded = match self.kind {
            TransactionKind::Typed(1) => self.eip2930(chain_id),
            TransactionKind::Typed(2) => self.eip1559(chain_id),
            TransactionKind::Typed(EIP7702_TX_TYPE_ID) => self.eip7702(chain_id),
            TransactionKind::Typed(POST_EXEC) => self.post_exec(),
            TransactionKind::Typed(other) => return Err(SpanError::Type(index, other)),
            TransactionKind::Legacy | TransactionKind::Empty => self.legacy(chain_id),
        };
        encoded.map(|encoded| BatchTransaction::of(&encoded)).ok_or(SpanError::Transaction(index))
    }

    fn legacy(&self, chain_id: Option<u64>) -> Option<Vec<u8>> {
        let mut list = fields(self.list)?;
        let (value, gas_price) = (field(&mut list)?, field(&mut list)?);
        let input: Bytes = field(&mut list)?;
        let (nonce, gas_limit) = (self.nonce, self.gas);
        let transaction = TxLegacy { chain_id, nonce, gas_price, gas_limit, to: self.to, value, input };
        list.is_empty().then(|| self.encode(transaction))
    }

    fn eip2930(&self, chain_id: Option<u64>) -> Option<Vec<u8>> {
        let mut list = fields(self.list)?;
        let transaction = TxEip2930 {
            value: field(&mut list)?,
            gas_price: field(&mut list)?,
            input: field(&mut list)?,
            access_list: field(&mut list)?,
            chain_id: chain_id?,
            nonce: self.nonce,
            gas_limit: self.gas,
            to: self.to,
        };
        list.is_empty().then(|| self.encode(transaction))
    }

    fn eip1559(&self, chain_id: Option<u64>) -> Option<Vec<u8>> {
        let mut list = fields(self.list)?;
        let transaction = TxEip1559 {
            value: field(&mut list)?,
            max_priority_fee_per_gas: field(&mut list)?,
            max_fee_per_gas: field(&mut list)?,
            input: field(&mut list)?,
            access_list: field(&mut list)?,
            chain_id: chain_id?,
            nonce: self.nonce,
            gas_limit: self.gas,
            to: self.to,
        };
        list.is_empty().then(|| self.encode(transaction))
    }

    fn eip7702(&self, chain_id: Option<u64>) -> Option<Vec<u8>> {
        let TxKind::Call(to) = self.to else { return None };
        let mut list = fields(self.list)?;
        let transaction = TxEip7702 {
            value: field(&mut list)?,
            max_priority_fee_per_gas: field(&mut list)?,
            max_fee_per_gas: field(&mut list)?,
            input: field(&mut list)?,
            access_list: field(&mut list)?,
            authorization_list: field(&mut list)?,
            chain_id: chain_id?,
            nonce: self.nonce,
            gas_limit: self.gas,
            to,
        };
        list.is_empty().then(|| self.encode(transaction))
    }

    /// All of it is in its list; in the columns it has nothing but zeros, and no recipient.
    fn post_exec(&self) -> Option<Vec<u8>> {
        let nothing = Signature::new(U256::ZERO, U256::ZERO, false);
        let bare = self.to.is_create() && self.signature == nothing && self.nonce == 0 && self.gas == 0;
        bare.then(|| [&[POST_EXEC], self.list].concat())
    }

    fn encode<T: SignableTransaction<Signature> + RlpEcdsaEncodableTx>(&self, transaction: T) -> Vec<u8> {
        let mut encoded = Vec::with_capacity(self.list.len() + 128);
        Signed::new_unhashed(transaction, self.signature).eip2718_encode(&mut encoded);
        encoded
    }
}

fn fields(mut list: &[u8]) -> Option<&[u8]> {
    Header::decode_bytes(&mut list, true).ok()
}

fn field<T: Decodable>(list: &mut &[u8]) -> Option<T> {
    T::decode(list).ok()
}
