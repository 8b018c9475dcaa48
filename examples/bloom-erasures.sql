-- People who asked to be erased. Every restore runs this before anybody uses the database (afterRestore in bloom.yaml), so that an
-- older backup does not bring them back. Ids only: whoever reads this file must not learn names or addresses from it.
-- A line may go when no backup from before its date is left (docs/security.md, Erasure).

-- 2026-02-11, ticket 4127; 2026-03-02, ticket 4190
DELETE FROM public.bookings WHERE user_id IN (107, 233);
UPDATE public.users SET email = 'erased-' || id || '@bloom.invalid' WHERE id IN (107, 233);
