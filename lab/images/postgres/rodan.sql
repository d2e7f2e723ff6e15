-- A Rodan in small: enough tables, keys and rows that a dump of it is worth restoring.
CREATE TABLE django_migrations (
    id serial PRIMARY KEY, app varchar(255) NOT NULL, name varchar(255) NOT NULL, applied timestamptz NOT NULL);
CREATE TABLE auth_user (
    id serial PRIMARY KEY, username varchar(150) NOT NULL UNIQUE, email varchar(254) NOT NULL,
    is_active boolean NOT NULL, date_joined timestamptz NOT NULL);
CREATE TABLE rodan_project (
    uuid uuid PRIMARY KEY, name varchar(255) NOT NULL, creator_id integer NOT NULL REFERENCES auth_user,
    description text, created timestamptz NOT NULL);
CREATE TABLE rodan_workflow (
    uuid uuid PRIMARY KEY, project_id uuid NOT NULL REFERENCES rodan_project, name varchar(100) NOT NULL,
    valid boolean NOT NULL, created timestamptz NOT NULL);
CREATE TABLE rodan_resource (
    uuid uuid PRIMARY KEY, project_id uuid NOT NULL REFERENCES rodan_project, name varchar(200) NOT NULL,
    resource_file varchar(255) NOT NULL, created timestamptz NOT NULL);
CREATE TABLE rodan_runjob (
    id serial PRIMARY KEY, workflow_id uuid NOT NULL REFERENCES rodan_workflow, job_name varchar(200) NOT NULL,
    status integer NOT NULL, error_summary text, created timestamptz NOT NULL);

INSERT INTO django_migrations (app, name, applied)
    SELECT 'rodan', lpad(n::text, 4, '0') || '_auto', timestamptz '2022-03-01' + n * interval '9 days'
    FROM generate_series(1, 60) n;
INSERT INTO auth_user (username, email, is_active, date_joined)
    SELECT 'user' || n, 'user' || n || '@example.org', n % 7 > 0, timestamptz '2022-03-01' + n * interval '17 hours'
    FROM generate_series(1, 120) n;
INSERT INTO rodan_project
    SELECT md5('project' || n)::uuid, 'Salzinnes, part ' || n, 1 + n % 120, 'Folios ' || n || E'\tto ' || n + 9,
        timestamptz '2022-04-01' + n * interval '1 day'
    FROM generate_series(1, 200) n;
INSERT INTO rodan_workflow
    SELECT md5('workflow' || n)::uuid, md5('project' || 1 + n % 200)::uuid, 'Études → neumes ' || n, n % 5 > 0,
        timestamptz '2022-05-01' + n * interval '110 hours'
    FROM generate_series(1, 100) n;
INSERT INTO rodan_resource
    SELECT md5('resource' || n)::uuid, md5('project' || 1 + n % 200)::uuid, 'folio_' || n || '.png',
        'projects/' || 1 + n % 200 || '/resources/folio_' || n || '.png',
        timestamptz '2022-05-01' + n * interval '70 hours'
    FROM generate_series(1, 500) n;
INSERT INTO rodan_runjob (workflow_id, job_name, status, error_summary, created)
    SELECT md5('workflow' || 1 + n % 100)::uuid,
        (ARRAY['Pixel.js', 'Text Alignment', 'Calamari', 'MEI Encoding', 'Neume Classifier'])[1 + n % 5],
        CASE WHEN n % 11 = 0 THEN -1 ELSE 4 END, CASE WHEN n % 50 = 0 THEN 'Traceback: line ' || n END,
        timestamptz '2022-06-01' + n * interval '9 hours'
    FROM generate_series(1, 4000) n;
ANALYZE;
