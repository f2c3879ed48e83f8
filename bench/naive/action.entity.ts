import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity()
export class Action {
  @PrimaryColumn('uuid')
  id!: string;

  @Column()
  name!: string;

  @Column('jsonb')
  parameters!: { name: string; value: string }[];

  @Column('jsonb')
  vendorInformation!: { vendor: string; provider: string };

  @Column()
  status!: string;

  @Column('timestamptz')
  createdDateTime!: Date;

  @Column('timestamptz', { nullable: true })
  completedDateTime!: Date | null;
}
