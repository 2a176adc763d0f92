-- Not compared: what it takes to reach those columns of each row.
SELECT count(wallet_address), count(transaction_id), count(price_paid), count(payment_method), count(status),
       count(transfer_time), count(purchase_time)
FROM :validated;
