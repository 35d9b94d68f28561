INSERT INTO tasks (title, status) VALUES
    ('Read the README', 'done'),
    ('Deploy to a container platform', 'doing'),
    ('Pull the plug and see that nothing is lost', 'todo');
