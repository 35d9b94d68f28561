INSERT INTO users (first_name, last_name) VALUES
    ('Taro', 'Yamada'),
    ('Hanako', 'Suzuki');
