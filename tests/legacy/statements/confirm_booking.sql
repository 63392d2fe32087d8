-- Step 2 of a legacy booking: the held slot is booked.
-- $1 id
UPDATE public.bookings
SET
    status = 'CONFIRMED',
    updated_at = now()
WHERE id = $1;
