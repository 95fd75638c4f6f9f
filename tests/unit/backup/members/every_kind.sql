-- Everything that PostgreSQL can declare and a dump may spell otherwise than it was: restored, it is equal.
CREATE EXTENSION pgcrypto SCHEMA public; CREATE EXTENSION hstore SCHEMA public;
CREATE TYPE public.mood AS ENUM ('sad', 'ok'); CREATE DOMAIN public.positive AS int CHECK (VALUE > 0);
CREATE TYPE public.pair AS (a int, b text);
CREATE COLLATION public.c (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE public.rich (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, m public.mood DEFAULT 'ok', p public.positive,
 q public.pair, arr text[][], h public.hstore, g int GENERATED ALWAYS AS (id_base * 2) STORED, id_base int, name text COLLATE public.c,
 during tstzrange, net inet, mac macaddr, geo point, x xml, u uuid DEFAULT gen_random_uuid(), bits bit varying(5), money money, v tsvector,
 EXCLUDE USING gist (during WITH &&)) WITH (fillfactor = 70);
ALTER TABLE public.rich ADD COLUMN gone int; ALTER TABLE public.rich DROP COLUMN gone;
CREATE TABLE public.parent (a int); CREATE TABLE public.child (b int) INHERITS (public.parent);
CREATE TABLE public.one (id int PRIMARY KEY, other int); CREATE TABLE public.two (id int PRIMARY KEY, other int REFERENCES public.one DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE public.one ADD FOREIGN KEY (other) REFERENCES public.two DEFERRABLE INITIALLY DEFERRED;
CREATE UNLOGGED TABLE public.unlogged AS SELECT 1 AS n;
CREATE FUNCTION public.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
--
-- Name: fake; Type: TABLE; Schema: public; Owner: nobody
--
  NEW.p := coalesce(NEW.p, 1); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE INSERT ON public.rich FOR EACH ROW EXECUTE FUNCTION public.touch();
ALTER TABLE public.rich DISABLE TRIGGER touch;
CREATE FUNCTION public.refuse() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN IF current_setting(''x.y'', true) = ''1'' THEN RAISE ''no''; END IF; END';
CREATE EVENT TRIGGER refuse ON ddl_command_start EXECUTE FUNCTION public.refuse();
CREATE RULE r AS ON INSERT TO public.parent DO ALSO NOTHING;
CREATE INDEX ix ON public.rich (lower(name)) WHERE p > 1; CREATE STATISTICS public.st ON m, p FROM public.rich;
ALTER TABLE public.rich ENABLE ROW LEVEL SECURITY; CREATE POLICY pol ON public.rich TO shop_owner USING (p > 0);
CREATE PUBLICATION pub FOR TABLE public.one; COMMENT ON TABLE public.rich IS E'it''s\na; comment';
ALTER DEFAULT PRIVILEGES FOR ROLE shop_owner IN SCHEMA public GRANT SELECT ON TABLES TO shop_reader;
GRANT SELECT (id), UPDATE (p) ON public.rich TO shop_reader WITH GRANT OPTION; REVOKE ALL ON SCHEMA public FROM PUBLIC; GRANT USAGE ON SCHEMA public TO shop_reader;
CREATE AGGREGATE public.total (int) (SFUNC = int4pl, STYPE = int, INITCOND = '0');
CREATE OPERATOR public.=== (LEFTARG = int, RIGHTARG = int, FUNCTION = int4eq); CREATE CAST (public.pair AS text) WITH INOUT;
CREATE TEXT SEARCH CONFIGURATION public.ts (COPY = pg_catalog.simple);
CREATE VIEW public.vw WITH (security_barrier) AS SELECT r.id, r.name, count(*) OVER (PARTITION BY m) FROM public.rich r LEFT JOIN public.one USING (id) WHERE r.name LIKE 'a%' OR EXISTS (SELECT 1 FROM public.two);
CREATE VIEW public.v2 AS SELECT * FROM public.vw; CREATE RULE "_x" AS ON UPDATE TO public.v2 DO INSTEAD NOTHING;
CREATE MATERIALIZED VIEW public.mat AS SELECT id FROM public.rich; 
INSERT INTO public.rich (p, q, arr, h, id_base, name, during, net, mac, geo, x, bits, money, v) VALUES (5, '(1,"a,""b")', '{{a,NULL},{"c d",""}}', 'a=>1,b=>NULL', 4, 'ä', '[2020-01-01,2021-01-01)', '10.0.0.1/8', '08:00:2b:01:02:03', '(0.1,-0)', '<a>1</a>', '101', '12.5', 'fat:1A cat:2');
INSERT INTO public.parent VALUES (1); INSERT INTO public.child VALUES (2, 3);
BEGIN; INSERT INTO public.one VALUES (1, 1); INSERT INTO public.two VALUES (1, 1); COMMIT;
CREATE SEQUENCE public.down INCREMENT -3 MINVALUE -100 MAXVALUE 5 START 5 CYCLE; SELECT nextval('public.down');
CREATE SEQUENCE public.small AS smallint CACHE 5 OWNED BY public.one.other;
